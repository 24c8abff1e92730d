#!/usr/bin/env bash
# Static checks: clang-tidy and cppcheck over everything that is built. Warnings are errors.
#   ci/lint.sh              all sources
#   ci/lint.sh FILE.c ...   only these
# ANALYZER_NODES=N: clang's analyzer gives up on a function after N steps, for a quicker look.
set -u
cd "$(dirname "$0")/.."
files=("$@")
if [ ${#files[@]} -eq 0 ]; then
    mapfile -t files < <(git ls-files 'agent/*.c' 'fakes/*.c' 'harness/*.c' 'netkitten/*.c')
fi
# The last two are what the Makefile gives to single files.
defines=(-D_GNU_SOURCE '-DECA_VERSION="0"' '-DECA_GIT_HASH="0"')
flags=(-std=gnu17 -I. "${defines[@]}")
nodes=()
for word in -analyzer-config "max-nodes=${ANALYZER_NODES:-225000}"; do nodes+=(--extra-arg=-Xclang "--extra-arg=$word"); done
for p in libcurl libwebsockets libmicrohttpd libcjson sqlite3 openssl yaml-0.1 check; do
    read -r -a more <<<"$(pkg-config --cflags "$p")"
    flags+=("${more[@]}")
done

# Suppressed: varFuncNullUB asks for (char *)NULL at the end of variadic calls; NULL is a pointer with every
# compiler that builds this, and the sentinel attribute checks the calls. nullPointerRedundantCheck
# takes every "may be NULL" of a cleanup for proof.
suppressions=(--suppress=missingIncludeSystem --suppress=nullPointerRedundantCheck --suppress=varFuncNullUB)

status=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -I{} clang-tidy --quiet "${nodes[@]}" {} -- "${flags[@]}" >"$log" 2>&1; then
    echo "clang-tidy: ${#files[@]} files clean"
else
    status=1
    sed "s#$PWD/##" "$log" | grep -E '(error|warning):' | sort -u
    echo "clang-tidy: failed"
fi
if cppcheck --quiet --std=c11 --language=c --error-exitcode=1 --inline-suppr --enable=warning,portability \
    "${suppressions[@]}" -I. "${defines[@]}" -j "$(nproc)" "${files[@]}"; then
    echo "cppcheck: ${#files[@]} files clean"
else
    status=1
    echo "cppcheck: failed"
fi
exit $status
