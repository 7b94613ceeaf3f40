# Runs for the minutes that /job/minutes says and notes what the process holds meanwhile.
# shellcheck shell=sh
. /job/common.sh
. /job/watch.sh
. /job/usb-camera.sh
EVENTS=$OUT_DIR/soak.events
PERIOD_S=5
read -r minutes < /job/minutes

start_camera mjpeg:640x360:/job/clip360.mjpeg || exit 1
link_dashcam || exit 1
# A file of its lines would fill the guest's memory.
/job/lookout run --source "v4l2://$DASHCAM?fps=10" --model /job/model \
    --sink jsonl:- --health $HEALTH > /dev/null 2> "$OUT_DIR/soak.log" &
lookout=$!
wait_for_state starting not || exit 1

read -r uptime _ < /proc/uptime
end=$((${uptime%.*} + minutes * 60))
while [ "${uptime%.*}" -lt $end ]; do
    sleep $PERIOD_S
    note_process $lookout || break
    read -r health < $HEALTH
    event health "$health"
done

kill -TERM $lookout
wait $lookout
echo $? > "$OUT_DIR/soak.exit"
camera quit
exit 0
