#!/usr/bin/env bash
# Static checks: clang-tidy and cppcheck over everything that is built. Warnings are errors.
set -u
mapfile -t files < <(git ls-files 'agent/*.c' 'fakes/*.c' 'harness/*.c' 'netkitten/*.c')
flags=(-std=gnu17 -I. -D_GNU_SOURCE)
for p in libcurl libwebsockets libmicrohttpd libcjson sqlite3 openssl yaml-0.1 check; do
    read -r -a more <<<"$(pkg-config --cflags "$p")"; flags+=("${more[@]}")
done
status=0
tidy=$(mktemp); trap 'rm -f "$tidy"' EXIT
printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -I{} clang-tidy --quiet {} -- "${flags[@]}" \
    >"$tidy" 2>/dev/null || status=1
if [ $status -ne 0 ]; then grep -E 'error|warning' "$tidy" | sort -u | head -60; echo "clang-tidy: failed"; else
    echo "clang-tidy: ${#files[@]} files clean"; fi
if cppcheck --quiet --std=c11 --language=c --error-exitcode=1 --inline-suppr --enable=warning,portability \
    --suppress=missingIncludeSystem --suppress=nullPointerRedundantCheck -I. -D_GNU_SOURCE -j "$(nproc)" "${files[@]}"; then
    echo "cppcheck: ${#files[@]} files clean"
else status=1; echo "cppcheck: failed"; fi
exit $status
