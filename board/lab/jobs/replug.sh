# The camera comes and goes, 50 times: unplugged, come back under another number, replaced by
# one with other formats, frozen. One process must see again each time, and must not grow.
# shellcheck shell=sh
. /job/common.sh
. /job/watch.sh
. /job/usb-camera.sh
ROUNDS=50
EVENTS=$OUT_DIR/replug.events
LINES_FILE=$OUT_DIR/replug.jsonl
VIVID=/sys/bus/platform/drivers/vivid

start_camera mjpeg:640x360:/job/clip360.mjpeg -- yuyv:640x480:/job/clip480.yuyv || exit 1
link_dashcam || exit 1
# Takes the camera's number while it is away.
modprobe vivid n_devs=1 node_types=0x1 num_inputs=1 input_types=0 || exit 1
echo vivid.0 > $VIVID/unbind
is_bound=0

/job/lookout run --source "v4l2://$DASHCAM?fps=10" --model /job/model \
    --sink "jsonl:$LINES_FILE" --health $HEALTH > "$OUT_DIR/replug.log" 2>&1 &
lookout=$!
wait_for_lines 60 "$LINES_FILE" 3 || exit 1

# The device is usable: detection must resume.
resume() {
    event usable "$round" "$node"
    bytes=$(stat -c %s "$LINES_FILE")
    wait_for_more "$LINES_FILE" "$bytes" && wait_for_state blind not
}

freeze() {
    event freeze "$round"
    camera freeze
    wait_for_state blind || return 1
    camera thaw
    resume
}

replug() {
    event unplug "$round"
    camera unplug
    rm $DASHCAM
    wait_for_state blind || return 1
    case $((round % 5)) in
        # So long that the attempts to open it have become rare.
        1) sleep 5 ;;
        2)
            if [ $is_bound = 0 ]; then
                echo vivid.0 > $VIVID/bind
            else
                echo vivid.0 > $VIVID/unbind
            fi
            is_bound=$((1 - is_bound))
            ;;
        3) camera "use 2" ;;
        4) camera "use 1" ;;
    esac
    camera plug
    link_dashcam || return 1
    resume
}

round=1
while [ $round -le $ROUNDS ]; do
    if [ $((round % 5)) = 0 ]; then freeze || break; fi
    replug || break
    note_process $lookout || break
    # A few frames, so that the next trouble is a new one.
    sleep 0.5
    round=$((round + 1))
done
echo "replug: $((round - 1)) rounds"

kill -TERM $lookout
wait $lookout
echo $? > "$OUT_DIR/replug.exit"
camera quit
exit 0
