# Watches a running `lookout run --health`, for jobs that source this after common.sh.
# Nothing here but `sleep` starts a process: under emulation that costs more than the rest.
# shellcheck shell=sh

HEALTH=/tmp/health.json
DASHCAM=/dev/dashcam

# Notes what happened, with the time since the boot, in the file $EVENTS: for the judge.
event() {
    read -r uptime _ < /proc/uptime
    echo "$uptime $*" >> "$EVENTS"
}

# Waits up to 10 s for the camera and links it as /dev/dashcam, as a udev rule of a board does.
link_dashcam() {
    i=0
    while [ $i -lt 200 ]; do
        for folder in /sys/class/video4linux/*; do
            [ -e "$folder/index" ] || continue
            read -r name < "$folder/name"
            read -r index < "$folder/index"
            node=${folder##*/}
            case "$name $index" in
                Simulated*" 0")
                    if [ -c "/dev/$node" ]; then
                        ln -s "$node" $DASHCAM
                        return 0
                    fi
                    ;;
            esac
        done
        i=$((i + 1))
        sleep 0.05
    done
    echo "no camera after 10 s"
    return 1
}

# Waits up to 20 s until the health report's state is $1, or, with "not" as $2, is not; notes
# the report.
wait_for_state() {
    i=0
    while [ $i -lt 400 ]; do
        health=
        if [ -e $HEALTH ]; then read -r health < $HEALTH; fi
        case $health in
            *"\"state\":\"$1\""*) seen=is ;;
            *) seen=not ;;
        esac
        if [ -n "$health" ] && [ $seen = "${2:-is}" ]; then
            event health "$health"
            return 0
        fi
        i=$((i + 1))
        sleep 0.05
    done
    echo "health: ${2:-} $1 not seen within 20 s: $health"
    return 1
}

# Waits up to 20 s until the file $1 is longer than $2 bytes.
wait_for_more() {
    i=0
    while [ "$(stat -c %s "$1")" -le "$2" ]; do
        i=$((i + 1))
        if [ $i -gt 200 ]; then
            echo "$1 does not grow"
            return 1
        fi
        sleep 0.1
    done
}

# Notes what the process $1 holds: descriptors, threads, resident and mapped memory in pages.
note_process() {
    [ -d "/proc/$1" ] || return 1
    set -- "$1" /proc/"$1"/fd/*
    process=$1
    descriptors=$(($# - 1))
    set -- /proc/"$process"/task/*
    threads=$#
    read -r mapped resident _ < "/proc/$process/statm"
    event process "$process" $descriptors $threads "$resident" "$mapped"
}
