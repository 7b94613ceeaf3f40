"""Writes what Foxglove's own reader sees of MCAP files, as JSON.

usage: check.py OUT FILE...

Every file is read by its index and from its front, with all checksums, and both must give the
same messages; every message is decoded by the schema that the file holds.
"""

import json
import sys

from mcap.decoder import DecoderFactory as AnyDecoderFactory
from mcap.reader import NonSeekingReader, SeekingReader
from mcap_protobuf.decoder import DecoderFactory


class JsonDecoderFactory(AnyDecoderFactory):
    def decoder_for(self, message_encoding, schema):
        return json.loads if message_encoding == "json" else None


def looked_at(topic, schema, message, decoded):
    """What matters of a message; raises where it is not what its schema says."""
    if schema.encoding == "jsonschema":
        return decoded
    stamp = decoded.timestamp
    if stamp.seconds * 1_000_000_000 + stamp.nanos != message.log_time:
        raise ValueError(f"{topic} at {message.log_time}: another timestamp inside")
    if schema.name == "foxglove.CompressedImage":
        if decoded.format != "jpeg" or decoded.data[:2] != b"\xff\xd8":
            raise ValueError(f"{topic} at {message.log_time}: no JPEG")
        return len(decoded.data)
    if schema.name == "foxglove.ImageAnnotations":
        if any(len(points.points) != 4 or points.type != 2 for points in decoded.points):
            raise ValueError(f"{topic} at {message.log_time}: no box")
        return [text.text for text in decoded.texts]
    if schema.name == "foxglove.Log":
        return decoded.message
    raise ValueError(f"{topic}: schema {schema.name} is unknown")


def look(path):
    with open(path, "rb") as file:
        reader = SeekingReader(file, validate_crcs=True)
        summary = reader.get_summary()
        if summary is None or summary.statistics is None:
            raise ValueError("there is no summary")
        facts = {record.name: record.metadata for record in reader.iter_metadata()}
        messages, raw = {}, []
        for _, channel, message in reader.iter_messages(log_time_order=False):
            raw.append((channel.topic, message.sequence, message.log_time, message.data))
        file.seek(0)
        factories = [DecoderFactory(), JsonDecoderFactory()]
        reader = SeekingReader(file, validate_crcs=True, decoder_factories=factories)
        for schema, channel, message, decoded in reader.iter_decoded_messages(
            log_time_order=False
        ):
            seen = looked_at(channel.topic, schema, message, decoded)
            row = {"sequence": message.sequence, "time_ns": message.log_time, "seen": seen}
            messages.setdefault(channel.topic, []).append(row)
    if summary.statistics.message_count != len(raw):
        raise ValueError(f"{summary.statistics.message_count} messages are told, not {len(raw)}")
    with open(path, "rb") as file:
        reader = NonSeekingReader(file, validate_crcs=True)
        front = [
            (channel.topic, message.sequence, message.log_time, message.data)
            for _, channel, message in reader.iter_messages(log_time_order=False)
        ]
    if front != raw:
        raise ValueError("read from the front it has other messages than by its index")
    return {"topics": messages, "facts": facts.get("lookout", {})}


def main():
    out, *paths = sys.argv[1:]
    result = {}
    for path in paths:
        try:
            result[path] = {"file": look(path)}
        except Exception as error:  # whatever it is, the file cannot be read
            result[path] = {"error": f"{type(error).__name__}: {error}"}
    with open(out, "w", encoding="utf-8") as file:
        json.dump(result, file)


main()
