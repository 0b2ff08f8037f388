# To be sourced, with $work set: puts the SAM CLI on the PATH and has a container
# engine answer, where there is a stand-in for what can be pulled elsewhere. An
# engine that it had to start is stopped at the end.
setup=../shared/sam-local/setup.sh
engine=
stop_engine() {
  [ -n "$engine" ] && [ -f "$engine/pid" ] || return 0
  local pid
  pid=$(cat "$engine/pid")
  kill "$pid" 2>/dev/null || return 0
  for _ in $(seq 60); do kill -0 "$pid" 2>/dev/null || return 0; sleep 1; done
}
trap stop_engine EXIT
if [ -x "$setup" ]; then
  export SAM_VENV=${SAM_VENV:-$HOME/.cache/sam-cli}
  "$SAM_VENV/bin/sam" --version >/dev/null 2>&1 || SAM_VENV=$work/sam
  [ -x "$SAM_VENV/bin/sam" ] || .ci/venv "$work/sam"
  docker info >/dev/null 2>&1 || engine=${DOCKERD_DIR:-/var/tmp/dockerd}
  if [ -n "$engine" ] && ! pgrep -x dockerd >/dev/null; then
    # An engine that was killed has left numbers of processes, which may be those
    # of others by now: the next one would take them for itself.
    rm -f "$engine/pid" "$engine/exec/containerd/containerd.pid"
  fi
  # By a file: an engine that is started keeps open what it inherits, and a pipe
  # would have no end.
  .ci/retry "$setup" >"$work/sam-local.env"
  . "$work/sam-local.env"
fi
