# A simulated USB camera behind the kernel's own driver: exact frames, unplug, freeze.
# shellcheck shell=sh
. /job/common.sh
. /job/usb-camera.sh
MJPG="v4l2://$CAMERA?size=1280x720&format=mjpg&timeout_ms=1000"
start_camera || exit 1

capture usb-mjpeg "$MJPG" --frames 30 --seconds 60 --dump "$OUT_DIR/usb-mjpeg.dump"
capture usb-yuyv "v4l2://$CAMERA?size=640x480&format=yuyv" --frames 10 --seconds 60 \
    --dump "$OUT_DIR/usb-yuyv.dump"

capture usb-replug "$MJPG" --frames 120 --seconds 90 --dump "$OUT_DIR/usb-replug.dump" &
recording=$!
sleep 2
camera unplug
sleep 4
camera plug
finish "$recording" usb-replug

capture usb-freeze "$MJPG" --frames 120 --seconds 90 --dump "$OUT_DIR/usb-freeze.dump" &
recording=$!
sleep 2
camera freeze
sleep 4
camera thaw
finish "$recording" usb-freeze
camera quit
exit 0
