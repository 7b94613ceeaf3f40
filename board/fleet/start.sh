#!/usr/bin/env bash
# A fleet's place to gather in, from existing parts: the broker Mosquitto, the time-series
# database VictoriaMetrics, and between them mosquitto_sub, jq and curl.
#
#   board/fleet/start.sh [FOLDER]     runs until Ctrl-C; FOLDER keeps the data [fleet-data]
#
# ADDRESS (127.0.0.1), MQTT_PORT (1883) and HTTP_PORT (8428) may be set. Vehicles publish with
# `--sink mqtt://ADDRESS/VEHICLE`. Debian has all parts:
#   apt install mosquitto mosquitto-clients victoria-metrics jq curl
set -euo pipefail
folder=${1:-fleet-data}
address=${ADDRESS:-127.0.0.1} mqtt_port=${MQTT_PORT:-1883} http_port=${HTTP_PORT:-8428}
PATH=$PATH:/usr/sbin

for tool in mosquitto mosquitto_sub victoria-metrics jq curl; do
    if ! command -v "$tool" > /dev/null; then
        echo "$tool is missing: apt install mosquitto mosquitto-clients victoria-metrics jq curl" >&2
        exit 1
    fi
done
mkdir -p "$folder"
trap 'trap - EXIT; kill 0' EXIT INT TERM

# Anybody who reaches the address may publish: over other networks than your own, give vehicles
# passwords (password_file, see mosquitto.conf(5)) and a tunnel.
cat > "$folder/mosquitto.conf" << CONF
listener $mqtt_port $address
allow_anonymous true
max_inflight_messages 100
max_queued_messages 10000
CONF
mosquitto -c "$folder/mosquitto.conf" 2> "$folder/mosquitto.log" &
victoria-metrics -storageDataPath="$folder/metrics" -retentionPeriod=12 \
    -httpListenAddr="$address:$http_port" 2> "$folder/victoria-metrics.log" &

until curl -fsS "http://$address:$http_port/health" > /dev/null 2>&1; do sleep 0.2; done

# For every message: its age, its number, and how many objects of each class it has.
read -r -d '' samples << 'JQ' || true
(.topic | split("/")[1]) as $vehicle
| .message
| (.captured_unix_ns / 1000000 | floor) as $at
| def sample($name; $labels; $value):
    {metric: ({__name__: $name, vehicle: $vehicle} + $labels), values: [$value], timestamps: [$at]};
  sample("lookout_age_us"; {}; .age_us),
  sample("lookout_sequence"; {}; .sequence),
  (.detections | group_by(.class)[] | sample("lookout_objects"; {class: .[0].class}; length)),
  (.events // [] | .[] | sample("lookout_event"; {rule, phase}; .objects))
JQ
echo "vehicles: mqtt://$address:$mqtt_port/VEHICLE    queries: http://$address:$http_port/vmui"
while true; do
    mosquitto_sub -h "$address" -p "$mqtt_port" -q 1 -i fleet-store -c \
        -t 'lookout/+/detections' -F '{"topic":"%t","message":%p}' |
        jq --unbuffered -c "$samples" |
        curl -sS -T - -H 'Expect:' "http://$address:$http_port/api/v1/import" ||
        echo "the way into the database broke; trying again" >&2
    sleep 1
done
