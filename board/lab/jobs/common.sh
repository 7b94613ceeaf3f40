# What the jobs share; they source it as /job/common.sh. Runs in busybox's sh.
# shellcheck shell=sh

OUT_DIR=/out
CAMERA=/dev/video0

# Waits up to 10 s until the file or device $1 exists.
wait_for() {
    i=0
    while [ ! -e "$1" ]; do
        i=$((i + 1))
        if [ $i -gt 100 ]; then
            echo "no $1 after 10 s"
            return 1
        fi
        sleep 0.1
    done
}

# How many lines the file $1 has; 0 while there is none.
count_lines() {
    if [ -e "$1" ]; then wc -l < "$1"; else echo 0; fi
}

# Waits up to $1 seconds until the file $2 has $3 lines.
wait_for_lines() {
    i=0
    while [ "$(count_lines "$2")" -lt "$3" ]; do
        i=$((i + 1))
        if [ $i -gt "$1" ]; then
            echo "$2: fewer than $3 lines after $1 s"
            return 1
        fi
        sleep 1
    done
}

# Records as step $1 from the source $2 with further options; what it says goes to
# STEP.log, what it saw to STEP.json.
capture() {
    step=$1
    source=$2
    shift 2
    RUST_LOG=debug /job/lookout capture --source "$source" --report "$OUT_DIR/$step.json" "$@" \
        > "$OUT_DIR/$step.log" 2>&1
    code=$?
    echo "$step: exit $code, $(tail -n 1 "$OUT_DIR/$step.log")"
    return $code
}

# Waits for the background recording $1, which is step $2.
finish() {
    wait "$1" || echo "$2 failed"
}

# Sets a control of the virtual camera.
control() {
    v4l2-ctl -d "$CAMERA" -c "$@" || echo "control $* failed"
}
