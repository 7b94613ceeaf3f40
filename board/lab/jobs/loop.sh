# Plays clips into the virtual camera's HDMI output and records them from its HDMI input.
# shellcheck shell=sh
. /job/common.sh
PLAYER=/dev/video1
modprobe vivid n_devs=1 node_types=0x101 num_inputs=1 input_types=3 num_outputs=1 output_types=1 ||
    exit 1
wait_for "$CAMERA" || exit 1
wait_for "$PLAYER" || exit 1
control osd_text_mode=2

# A step, the format as V4L2 and as we call it, and the clip.
loop() {
    v4l2-ctl -d "$PLAYER" --set-fmt-video-out width=1280,height=720,pixelformat="$2" || return 1
    v4l2-ctl -d "$CAMERA" --set-fmt-video width=1280,height=720,pixelformat="$2" || return 1
    # Only after the formats agree, which the loop needs.
    control loop_video=1
    v4l2-ctl -d "$PLAYER" --stream-out-mmap=4 --stream-from="/job/$4" --stream-loop \
        > /tmp/player.log 2>&1 &
    player=$!
    # Until the player has a frame out, the camera shows its own test pattern.
    sleep 2
    capture "$1" "v4l2://$CAMERA?size=1280x720&format=$3" --frames 12 --seconds 60 \
        --dump "$OUT_DIR/$1.dump"
    kill $player
    wait $player 2> /dev/null
}
loop loop-yuyv YUYV yuyv clip.yuyv
loop loop-nv12 NV12 nv12 clip.nv12
exit 0
