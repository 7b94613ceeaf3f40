"""Writes what TensorBoard's own readers see of a folder of event files, as JSON.

usage: check.py EVENTS OUT

Numbers are written as their bits, so that nothing is rounded and NaN is legal.
"""

import hashlib
import json
import struct
import sys

from tensorboard.backend.event_processing import event_accumulator
from tensorboard.backend.event_processing import plugin_event_accumulator

# A limit of 0 keeps all events.
EVERYTHING = {
    kind: 0
    for kind in (
        event_accumulator.SCALARS,
        event_accumulator.HISTOGRAMS,
        event_accumulator.IMAGES,
        event_accumulator.TENSORS,
    )
}


def bits32(number):
    return struct.unpack("<I", struct.pack("<f", number))[0]


def bits64(number):
    return struct.unpack("<Q", struct.pack("<d", number))[0]


def point(event, value):
    return {"step": event.step, "wall_time_s": bits64(event.wall_time), "value": value}


def histogram(value):
    sums = (value.min, value.max, value.num, value.sum, value.sum_squares)
    return {
        "sums": [bits64(number) for number in sums],
        "limits": [bits64(number) for number in value.bucket_limit],
        "counts": [bits64(number) for number in value.bucket],
    }


def picture(event):
    digest = hashlib.sha256(event.encoded_image_string).hexdigest()
    return {"width": event.width, "height": event.height, "sha256": digest}


def texts(folder):
    """What the page of texts shows; the older reader takes back no texts at a restart."""
    page = plugin_event_accumulator.EventAccumulator(folder, size_guidance=EVERYTHING)
    page.Reload()
    try:
        tags = page.PluginTagToContent("text")
    except KeyError:
        tags = {}
    shown = {}
    for tag in tags:
        events = page.Tensors(tag)
        shown[tag] = [point(e, e.tensor_proto.string_val[0].decode()) for e in events]
    return shown


def main():
    folder, out = sys.argv[1:]
    seen = event_accumulator.EventAccumulator(folder, size_guidance=EVERYTHING)
    seen.Reload()
    tags = seen.Tags()
    result = {
        "scalars": {
            tag: [point(e, bits32(e.value)) for e in seen.Scalars(tag)]
            for tag in tags[event_accumulator.SCALARS]
        },
        "histograms": {
            tag: [point(e, histogram(e.histogram_value)) for e in seen.Histograms(tag)]
            for tag in tags[event_accumulator.HISTOGRAMS]
        },
        "images": {
            tag: [point(e, picture(e)) for e in seen.Images(tag)]
            for tag in tags[event_accumulator.IMAGES]
        },
        "texts": texts(folder),
    }
    with open(out, "w", encoding="utf-8") as file:
        json.dump(result, file)


main()
