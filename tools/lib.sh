# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Shared by the checks. Each takes a tree as its argument (default: this one), prints every
# finding as FILE:LINE: TEXT and ends with 0 (good), 1 (findings) or 77 (could not look).

# Goes to the tree to be checked.
enter_tree() {
        cd "${1:-$(dirname "${BASH_SOURCE[1]}")/..}" || exit 2
}

# project_files FOLDER-OR-FILE... [-- FIND-EXPRESSION...]: the files that are part of the project.
project_files() {
        local roots=()

        while [[ $# -gt 0 && $1 != -- ]]; do
                [[ -e $1 ]] && roots+=("$1")
                shift
        done
        [[ ${#roots[@]} -gt 0 ]] || return 0
        find "${roots[@]}" \( -name .git -o -name node_modules -o -name .cache -o -path './build' \
                -o -path './build-*' \) -prune -o -type f "${@:2}" -print | sed 's|^\./||' | sort
}

# Ends the check: prints the findings on standard input and says whether there were any.
conclude() {
        local findings

        findings=$(cat)
        [[ -z $findings ]] && exit 0
        printf '%s\n' "$findings"
        exit 1
}
