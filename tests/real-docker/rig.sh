# shellcheck shell=bash
# What tests of the agent in front of a real daemon stand on. Sourced, not run, inside in-netns.sh:
#   rig_start        a daemon and both registries; the images below in the registries only, so that the
#                    agent pulls them; DOCKER_HOST for docker, everything else below $dir
#   play FILE...     these scenarios on it
#   is_fit FILE      can they be played on this machine?
# It all ends with the script.
#
#   busybox                                        through the mirror, as from the public registry
#   127.0.0.1:51670/amazon/amazon-ecs-netkitten    and behind the password at 127.0.0.1:51671
#   127.0.0.1:51670/amazon/amazon-ecs-volumes-test busybox with a volume /data that holds a file
#   127.0.0.1:51670/amazon/set-uid                 a second busybox in /set-uid, set-uid root
#   127.0.0.1:51670/amazon/udp-echo                answers each datagram with "echo " before it (port 5353)
#   127.0.0.1:51670/amazon/image-cleanup-test-image1, 2, 3

# shellcheck source=lib.sh
. "$here/lib.sh"
readonly REGISTRY=127.0.0.1:51670 PROTECTED=127.0.0.1:51671
readonly UDP_ECHO='use Socket; socket(S, PF_INET, SOCK_DGRAM, 0) or die; bind(S, sockaddr_in(5353, INADDR_ANY)) or die;
$SIG{TERM} = sub { exit 0 }; while (my $from = recv(S, $_, 1500, 0)) { send(S, "echo $_", 0, $from) }'

rig_stop() {
    "$here/registry.sh" stop "$dir/registry"
    "$here/daemon.sh" stop "$dir/daemon"
    rm -rf "$dir"
}

# publish LOCAL NAME: the image goes into the open registry
publish() {
    docker tag "$1" "$REGISTRY/$2"
    docker push --quiet "$REGISTRY/$2" >/dev/null
}

# derive NAME FOLDER CHANGE...: busybox, what is in FOLDER, and changes as of a Dockerfile
derive() {
    local name=$1 folder=$2 id change changes=()
    shift 2
    for change in "$@"; do changes+=(--change "$change"); done
    id=$(docker create busybox)
    docker cp --quiet "$folder/." "$id:/"
    docker commit "${changes[@]}" "$id" derived >/dev/null
    docker rm "$id" >/dev/null
    publish derived "$name"
}

# udp_echo FOLDER: the machine's perl with what it needs
udp_echo() {
    local file
    {
        perl -MSocket -e 'print "$_\n" for $^X, values %INC, grep { /Socket[.]so$/ } @DynaLoader::dl_shared_objects'
        ldd "$(readlink -f "$(command -v perl)")" | grep -o '/[^ ]*'
    } | sort -u | while read -r file; do
        mkdir -p "$1$(dirname "$file")"
        cp -L "$file" "$1$file"
    done
}

fill_registries() {
    local root="$dir/images"
    mkdir -p "$root/volumes/data" "$root/set-uid/set-uid" "$root/udp" "$root/nothing"
    publish busybox library/busybox
    publish netkitten amazon/amazon-ecs-netkitten
    echo test >"$root/volumes/data/test-file"
    derive amazon/amazon-ecs-volumes-test "$root/volumes" 'VOLUME /data' 'ENTRYPOINT ["sh", "-c"]'
    install -m 4755 "$(command -v busybox)" "$root/set-uid/set-uid/busybox"
    derive amazon/set-uid "$root/set-uid"
    udp_echo "$root/udp"
    derive amazon/udp-echo "$root/udp" "ENTRYPOINT $(perl -e 'printf "[\"%s\", \"-e\", \"%s\"]", $^X, $ARGV[0] =~ s/\n/ /gr =~ s/"/\\"/gr' "$UDP_ECHO")"
    for number in 1 2 3; do
        derive "amazon/image-cleanup-test-image$number" "$root/nothing" "LABEL number=$number" 'CMD ["sleep", "5"]'
    done
    docker tag netkitten $PROTECTED/amazon/amazon-ecs-netkitten
    echo swordfish | docker login --username user --password-stdin $PROTECTED >/dev/null 2>&1
    docker push --quiet $PROTECTED/amazon/amazon-ecs-netkitten >/dev/null
    docker logout $PROTECTED >/dev/null
    docker image prune --all --force >/dev/null
    rm -rf "$root"
}

# As on a container instance: what containers send to 169.254.170.2 comes to the agent's local port.
lead_to_credentials() {
    echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet
    iptables -t nat -A PREROUTING -d 169.254.170.2 -p tcp --dport 80 -j DNAT --to-destination 127.0.0.1:51679
    iptables -t nat -A OUTPUT -d 169.254.170.2 -p tcp --dport 80 -j REDIRECT --to-ports 51679
}

rig_start() {
    export DOCKER_HOST="unix://$dir/daemon/docker.sock" DOCKER_CONFIG="$dir/cli"
    MIRROR=http://$REGISTRY "$here/daemon.sh" start "$dir/daemon"
    "$here/registry.sh" start "$dir/registry"
    fill_registries
    gcc -O2 -Wall -Wextra -Werror -shared -fPIC -o "$dir/fast_clock.so" "$here/fast_clock.c" -ldl
    if grep -q iptables=yes "$dir/daemon/features"; then lead_to_credentials; fi
}

# is_fit FILE: can this machine's daemon do what the scenario needs? If not, one line says why.
is_fit() {
    if grep -q -i 'Privileged: true' "$1" && ! docker run --rm --privileged busybox true >/dev/null 2>&1; then
        echo "SKIPPED $1: no privileged container is permitted on this machine"
    elif grep -q 'ports:\|links:' "$1" && grep -q bridge=no "$dir/daemon/features"; then
        echo "SKIPPED $1: no bridge is possible on this machine"
    elif grep -q '169.254.170.2' "$1" && grep -q iptables=no "$dir/daemon/features"; then
        echo "SKIPPED $1: no firewall rules are possible on this machine"
    else
        return 0
    fi
    return 1
}

play() {
    "$harness" run --live --docker "real=$dir/daemon/docker.sock" --set "docker.dir=$dir/daemon" \
        --set "tests=$here" --set "other=$other" \
        --set "fast_clock=$dir/fast_clock.so" "$@"
}

other=${REFERENCE_AGENT:-$(realpath "$here/../../build/ecs-agent")}
harness=${HARNESS:-$here/../../build/harness}
dir=$(mktemp -d /tmp/real-docker.XXXXXX)
trap rig_stop EXIT
