# The simulated USB camera, for jobs that source this after common.sh.
# shellcheck shell=sh

# Plugs the camera in and waits for its device. The arguments are uvcsim's: formats, and after
# `--` those of another camera; without any, what a usual dashcam has.
start_camera() {
    if [ $# = 0 ]; then
        set -- mjpeg:1280x720:/job/clip.mjpeg yuyv:640x480:/job/clip480.yuyv
    fi
    chmod +x /job/uvcsim
    modprobe -a vhci-hcd uvcvideo || return 1
    mkfifo /tmp/camera-control || return 1
    /job/uvcsim "$@" < /tmp/camera-control &
    exec 3> /tmp/camera-control
    wait_for "$CAMERA"
}

# Gives the camera a command: plug, unplug, use N, freeze, thaw, tear, quit.
camera() {
    echo "$1" >&3
}
