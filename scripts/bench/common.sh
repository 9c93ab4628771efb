# Sourced by the benches: builds what they measure, and a lab of hosts that goes with them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

build_release() {
  scripts/agent --all > /dev/null
  PATH=$PWD/.build/release:$PATH
  export PATH
}

machine() {
  echo "machine: $(nproc) cores, $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1)," \
    "$(awk '/MemTotal/ {printf "%d GiB", $2 / 1048576}' /proc/meminfo), $(uname -sr)"
}

# lab N: starts a lab in a scratch folder with a manifest that uses it: $work/cluster.yaml. Its hosts
# have a home of their own: what the user's shell does at a login is not measured.
lab() {
  work=$(mktemp -d)
  trap 'muster down "$work/cluster.yaml" > /dev/null 2>&1 || true
        muster lab down --folder "$work/.lab" > /dev/null 2>&1 || true
        rm -rf "$work"' EXIT
  mkdir "$work/home"
  HOME=$work/home muster lab up "$1" --folder "$work/.lab" > /dev/null
  printf 'muster: 1\nname: bench\ninclude: [.lab/nodes.yaml]\n' > "$work/cluster.yaml"
}

now() { date +%s.%N; }

# median NUMBER…
median() { printf '%s\n' "$@" | sort -g | awk '{a[NR] = $1} END {print a[int((NR + 1) / 2)]}'; }
