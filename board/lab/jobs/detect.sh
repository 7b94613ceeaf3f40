# The whole path on the simulated USB camera: detections go on after a torn frame and
# after the camera was unplugged and plugged in again. Emulated inference takes seconds.
# shellcheck shell=sh
. /job/common.sh
. /job/usb-camera.sh
start_camera || exit 1
LINES_FILE=$OUT_DIR/detect.jsonl
/job/lookout doctor --model /job/model --source "v4l2://$CAMERA" > "$OUT_DIR/doctor.log" 2>&1
code=$?
echo $code > "$OUT_DIR/doctor.exit"
echo "doctor: exit $code"

/job/lookout run --source "v4l2://$CAMERA?size=1280x720&format=mjpg" --model /job/model \
    --sink "jsonl:$LINES_FILE" > "$OUT_DIR/detect.log" 2>&1 &
detector=$!
wait_for_lines 240 "$LINES_FILE" 1 || exit 1
camera tear
wait_for_lines 120 "$LINES_FILE" 3 || exit 1

camera unplug
# Frames that were taken before may still be on their way: wait until no more come.
before=-1
while [ "$before" != "$(count_lines "$LINES_FILE")" ]; do
    before=$(count_lines "$LINES_FILE")
    sleep 30
done
echo "$before" > "$OUT_DIR/detect.before"
camera plug
wait_for_lines 240 "$LINES_FILE" $((before + 2)) || exit 1

kill -TERM $detector
wait $detector
code=$?
echo "$code" > "$OUT_DIR/detect.exit"
echo "detect: exit $code, $(count_lines "$LINES_FILE") lines, $before before the unplugging"
camera quit
exit 0
