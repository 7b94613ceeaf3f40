"""A router that also listens to all vehicles, and says how many messages came. Ends with its input."""

import sys
import threading

import zenoh


def main() -> None:
    config = zenoh.Config()
    config.insert_json5("mode", '"router"')
    config.insert_json5("listen/endpoints", f'["tcp/127.0.0.1:{sys.argv[1]}"]')
    config.insert_json5("scouting/multicast/enabled", "false")
    count = 0
    lock = threading.Lock()

    def take(_sample: zenoh.Sample) -> None:
        nonlocal count
        with lock:
            count += 1

    with zenoh.open(config) as session:
        session.declare_subscriber("lookout/*/detections", take)
        print("ready", flush=True)
        sys.stdin.read()
    print(count, flush=True)


main()
