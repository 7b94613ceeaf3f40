#!/usr/bin/env python3
"""Makes the golden case of the COCO metrics: annotations, detections, expected figures.

The expected figures come from pycocotools; the tests only read the three JSON files.
To make them again:

    python3 -m venv venv && venv/bin/pip install pycocotools==2.0.11 numpy==2.4.6
    venv/bin/python make_golden.py

All numbers are multiples of 1/4 (pixels) or 1/64 (scores), so that single precision holds
them exactly, and many scores and overlaps are equal.
"""
import json
import random

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

CLASSES = ["car", "truck", "bus", "motorcycle", "bicycle", "scooter", "person", "rider"]
ABSENT = CLASSES.index("scooter") + 1
WIDTH, HEIGHT = 640, 384
KEYS = [
    "map", "map50", "map75", "map_small", "map_medium", "map_large",
    "ar1", "ar10", "ar100", "ar_small", "ar_medium", "ar_large",
]


def quarter(value):
    return round(value * 4) / 4


def random_box(rng):
    side = rng.choice([12, 24, 32, 48, 96, 150])
    width = quarter(side * rng.uniform(0.6, 1.6))
    height = quarter(side * rng.uniform(0.6, 1.6))
    return [quarter(rng.uniform(0, WIDTH - width)), quarter(rng.uniform(0, HEIGHT - height)), width, height]


def moved(rng, box, by):
    x, y, w, h = box
    w2 = max(1.0, quarter(w * (1 + rng.uniform(-by, by))))
    h2 = max(1.0, quarter(h * (1 + rng.uniform(-by, by))))
    x2, y2 = quarter(x + w * rng.uniform(-by, by)), quarter(y + h * rng.uniform(-by, by))
    return [x2, y2, w2, h2]


def make(rng):
    images = [
        {"id": 3 * i + 1, "file_name": f"images/{i:02}.jpg", "width": WIDTH, "height": HEIGHT}
        for i in range(16)
    ]
    annotations, detections = [], []

    def label(image, category, box, crowd=0, area=None):
        annotations.append({
            "id": len(annotations) + 1, "image_id": image["id"], "category_id": category,
            "bbox": box, "area": box[2] * box[3] if area is None else area, "iscrowd": crowd,
        })

    def detect(image, category, box, score):
        detections.append({
            "image_id": image["id"], "category_id": category, "bbox": box, "score": round(score * 64) / 64,
        })

    present = [c for c in range(1, 9) if c != ABSENT]
    for image in images[:-1]:
        for _ in range(rng.randint(0, 8)):
            category, box = rng.choice(present), random_box(rng)
            crowd = int(rng.random() < 0.15)
            mask = rng.random() < 0.3
            label(image, category, box, crowd, quarter(box[2] * box[3] * 0.7) if mask else None)
            for _ in range(rng.choice([0, 1, 1, 1, 2, 3])):
                hit = category if rng.random() < 0.85 else rng.choice(present)
                detect(image, hit, moved(rng, box, rng.choice([0.02, 0.08, 0.2])), rng.random())
        for _ in range(rng.randint(0, 5)):
            detect(image, rng.randint(1, 8), random_box(rng), rng.random() * 0.6)
    # Overlaps that meet a threshold exactly, and areas on the edges of the sizes.
    first = images[0]
    for row, width in enumerate([50, 55, 60, 65, 70, 75, 80, 85, 90, 95]):
        label(first, 1, [0, 20 * row, 100, 10])
        detect(first, 1, [0, 20 * row, width, 10], 0.5)
    label(first, 2, [200, 0, 32, 32])
    label(first, 2, [300, 0, 96, 96])
    detect(first, 2, [200, 0, 32, 32], 0.9)
    detect(first, 2, [300, 0, 96, 96], 0.8)
    # More detections of one class in an image than count; the last of them are right.
    crowded = images[1]
    for i in range(12):
        label(crowded, 7, [50 * i, 300, 20, 60])
    for i in range(98):
        detect(crowded, 7, [6 * i, 100, 20, 60], 0.75)
    for i in range(12):
        detect(crowded, 7, [50 * i, 300, 20, 60], 0.5)
    return {
        "categories": [{"id": i + 1, "name": name} for i, name in enumerate(CLASSES)],
        "images": images, "annotations": annotations,
    }, detections


def mean(values):
    values = values[values > -1]
    return float(values.mean()) if values.size else -1.0


def main():
    annotations, detections = make(random.Random(20261123))
    with open("annotations.json", "w") as file:
        json.dump(annotations, file, separators=(",", ":"))
    with open("detections.json", "w") as file:
        json.dump(detections, file, separators=(",", ":"))
    truth = COCO("annotations.json")
    run = COCOeval(truth, truth.loadRes("detections.json"), "bbox")
    run.evaluate()
    run.accumulate()
    run.summarize()
    expected = {key: round(float(value), 12) for key, value in zip(KEYS, run.stats)}
    precision = run.eval["precision"]
    expected["per_class"] = {
        name: {
            "ap": round(mean(precision[:, :, index, 0, 2]), 12),
            "ap50": round(mean(precision[0, :, index, 0, 2]), 12),
            "boxes": sum(
                a["category_id"] == index + 1 and not a["iscrowd"] for a in annotations["annotations"]
            ),
        }
        for index, name in enumerate(CLASSES)
    }
    with open("expected.json", "w") as file:
        json.dump(expected, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
