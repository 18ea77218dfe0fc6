# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
# What the demos share. They set `folder` (for their data, below build/), and may add to `children`.
isthmus=$PWD/build/isthmus
children=()

if [[ -t 1 ]]; then
        plain=$'\e[0m' bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' cyan=$'\e[36m'
else
        # shellcheck disable=SC2034 # whoever sources this uses what it needs
        plain='' bold='' dim='' green='' red='' cyan=''
fi

fail() {
        printf '%sdemo: %s%s\n' "$red" "$*" "$plain" >&2
        exit 1
}

# Ends what was started, the last one first, and waits for it.
clean_up() {
        local i

        for ((i = ${#children[@]} - 1; i >= 0; i--)); do
                kill -TERM "${children[i]}" 2>/dev/null || continue
                wait "${children[i]}" 2>/dev/null || true
        done
}

# wait_for WHAT PID LOG COMMAND...: polls until the command succeeds; PID must live on.
wait_for() {
        local what=$1 pid=$2 log=$3 deadline=$((SECONDS + 30))

        shift 3
        until "$@" >/dev/null 2>&1; do
                if ! kill -0 "$pid" 2>/dev/null; then
                        tail -n 20 "$log" >&2
                        fail "$what ended before it was ready"
                fi
                [[ $SECONDS -lt $deadline ]] || fail "$what is not ready after 30 s, see $log"
                sleep 0.05
        done
}

start_hub() {
        "$isthmus" hub --data "$folder/hub" --amqp-port 0 --mqtt-port 0 --dps-port 0 \
                --control-port 0 --quiet \
                >"$folder/hub.log" 2>&1 9>&- &
        children+=($!)
        wait_for "the hub" $! "$folder/hub.log" test -e "$folder/hub/hub.json"
}

# An empty folder of our own, and nobody else in it; everything ends with this program.
begin() {
        [[ -x $isthmus ]] || fail "there is no build/isthmus; run make first"
        mkdir -p build
        exec 9>"$folder.lock"
        flock -n 9 || fail "another demo is running in ${folder#"$PWD"/}; end it first"
        rm -rf "$folder"
        (umask 077 && mkdir -p "$folder")
        umask 077
        trap clean_up EXIT
        trap 'exit 130' INT
        trap 'exit 143' TERM HUP
}

# watch_hub: shows what arrives until Ctrl-C. In the background, since bash answers signals only
# between commands.
watch_hub() {
        trap 'exit 0' INT
        "$isthmus" hub watch --data "$folder/hub" --from latest 9>&- &
        children+=($!)
        wait $! || fail "the hub has ended, see $folder/hub.log"
}
