# Faults of the virtual camera: what a supervisor must survive without a restart.
# shellcheck shell=sh
. /job/common.sh
URI="v4l2://$CAMERA?size=640x360&format=yuyv&timeout_ms=1500"
DRIVER=/sys/bus/platform/drivers/vivid
modprobe vivid n_devs=1 node_types=0x1 num_inputs=1 input_types=0 || exit 1
wait_for "$CAMERA" || exit 1

# Starts a recording of $2 frames as step $1 and waits until it streams.
begin() {
    capture "$1" "$URI" --frames "$2" --seconds 60 &
    recording=$!
    sleep 2
}

begin stall 120
control percentage_of_dropped_buffers=100
sleep 4
control percentage_of_dropped_buffers=0
finish "$recording" stall

control percentage_of_dropped_buffers=40
capture dropped "$URI" --frames 40 --seconds 60
control percentage_of_dropped_buffers=0

begin flagged 120
for _ in 1 2 3; do
    control inject_v4l2_buf_flag_error=1
    sleep 0.3
done
finish "$recording" flagged

control inject_vidioc_streamon_error=1
capture streamon "$URI" --frames 10 --seconds 30

control inject_vidioc_reqbufs_error=1
capture reqbufs "$URI" --frames 10 --seconds 30

begin qbuf 120
control inject_vidioc_qbuf_error=1
finish "$recording" qbuf

begin fatal 120
control inject_fatal_streaming_error=1
finish "$recording" fatal

# Its numbers begin 128 frames before the 32-bit counter wraps.
control wrap_sequence_number=1
capture wrap "v4l2://$CAMERA?size=320x180&fps=60&format=yuyv" --frames 160 --seconds 60
control wrap_sequence_number=0

begin disconnect 120
control disconnect=1
sleep 1
echo vivid.0 > $DRIVER/unbind
sleep 3
echo vivid.0 > $DRIVER/bind
finish "$recording" disconnect

begin first-reader 120
capture second-reader "$URI" --frames 10 --seconds 60 &
second=$!
finish "$recording" first-reader
finish "$second" second-reader

rmmod vivid
modprobe vivid n_devs=1 node_types=0x1 num_inputs=1 input_types=0 multiplanar=2 || exit 1
wait_for "$CAMERA" || exit 1
capture multi-planar "$URI" --frames 5 --seconds 4
exit 0
