//! The report as a page for people.

use super::{LayerReport, QuantizeReport, shares};
use std::fmt::Write;

/// Layers with this share of the errors of all layers are called sensitive.
const SENSITIVE_SHARE: f64 = 0.05;

/// Loss of mAP that is aimed at.
const MAP_LOSS_AIM: f64 = 0.005;

/// Layers listed in words.
const LISTED: usize = 6;

/// The whole page, Markdown.
pub(super) fn page(report: &QuantizeReport) -> String {
    let mut page = format!(
        "# What quantization costs\n\nFloat model {}, int8 model {}; {} validation images.\n\n{}\n",
        report.float,
        report.int8,
        report.images,
        summary(report)
    );
    if let Some(map) = &report.map {
        let _ = writeln!(
            page,
            "## One layer in floats, all others in integers\n\n\
             mAP on {} images: {:.4} in float, {:.4} in int8. A thousandth is noise here.\n\n\
             | layer | mAP | gain |\n|---|---|---|",
            map.images, map.float, map.int8
        );
        for one in &map.one_in_float {
            let gain = one.map - map.int8;
            let _ = writeln!(page, "| {} | {:.4} | {gain:+.4} |", one.layer, one.map);
        }
        page.push('\n');
    }
    page.push_str(
        "## Layers\n\nSignal to noise in decibels: of the weights, of the weights' worst output \
         channel, of the output when the layer alone is in integers, and when all before it \
         are, too. Errors of class logits and box codes (root of the mean square, where a score \
         is 0.01 or more) when the layer alone is in integers, and its share of the squared \
         errors of all layers. A bias that was corrected makes up for the layers before it, \
         so that its layer alone looks worse than it is.\n\n\
         | layer | kind | range | clipped % | weights | worst channel | alone | accumulated | logits | boxes | share % |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for (layer, share) in report.layers.iter().zip(shares(&report.layers)) {
        row(&mut page, layer, share);
    }
    page
}

fn row(page: &mut String, layer: &LayerReport, share: f64) {
    let number = |value: Option<f64>, digits: usize| match value {
        Some(value) => format!("{value:.digits$}"),
        None => "-".into(),
    };
    let worst = match (layer.worst_channel_snr_db, layer.worst_channel) {
        (Some(decibels), Some(channel)) => format!("{decibels:.1} (channel {channel})"),
        _ => "-".into(),
    };
    let _ = writeln!(
        page,
        "| {} | {} | {:.3} to {:.3} | {:.4} | {} | {worst} | {} | {} | {} | {} | {:.1} |",
        layer.layer,
        layer.kind,
        layer.low,
        layer.high,
        100.0 * layer.clipped,
        number(layer.weights_snr_db, 1),
        number(layer.alone_snr_db, 1),
        number(layer.accumulated_snr_db, 1),
        number(layer.logit_error, 4),
        number(layer.box_error, 4),
        100.0 * share,
    );
}

/// A few sentences that say it all.
pub(super) fn summary(report: &QuantizeReport) -> String {
    let mut text = String::new();
    if let (Some(logit), Some(boxes)) = (report.outputs.logit_error, report.outputs.box_error) {
        let _ = writeln!(
            text,
            "With all layers in integers a class logit is off by {logit:.3} and a box code by \
             {boxes:.4} (root of the mean square)."
        );
    }
    if let Some(map) = &report.map {
        let loss = map.float - map.int8;
        let verdict = if loss <= MAP_LOSS_AIM {
            "within what is aimed at"
        } else {
            "more than is aimed at"
        };
        let _ = writeln!(
            text,
            "mAP on {} images goes from {:.4} in float to {:.4} in int8: {verdict} \
             ({MAP_LOSS_AIM}).",
            map.images, map.float, map.int8
        );
    }
    sensitive(report, &mut text);
    noisiest(report, &mut text);
    text
}

fn sensitive(report: &QuantizeReport, text: &mut String) {
    let measured = |layer: &LayerReport| layer.logit_error.is_some();
    if !report.layers.iter().any(measured) {
        text.push_str("What single layers do to the outputs was not measured.\n");
        return;
    }
    let shares = shares(&report.layers);
    let mut layers: Vec<(f64, &str)> = shares
        .into_iter()
        .zip(report.layers.iter().map(|layer| layer.layer.as_str()))
        .filter(|(share, _)| *share >= SENSITIVE_SHARE)
        .collect();
    layers.sort_by(|a, b| b.0.total_cmp(&a.0));
    let names = layers.iter().take(LISTED);
    let names: Vec<String> = names
        .map(|(share, name)| format!("{name} ({:.0} %)", 100.0 * share))
        .collect();
    let _ = match names.as_slice() {
        [] => writeln!(
            text,
            "No layer is sensitive: none makes {:.0} % or more of the outputs' error.",
            100.0 * SENSITIVE_SHARE
        ),
        names => writeln!(
            text,
            "Sensitive layers, by their share of the outputs' error: {}.",
            names.join(", ")
        ),
    };
    let Some(map) = &report.map else { return };
    let best = map
        .one_in_float
        .iter()
        .max_by(|a, b| a.map.total_cmp(&b.map));
    if let Some(best) = best {
        let gain = best.map - map.int8;
        let _ = writeln!(
            text,
            "Of the layers kept in floats in turn, {} gains most: {gain:+.4} mAP.",
            best.layer
        );
    }
}

fn noisiest(report: &QuantizeReport, text: &mut String) {
    let mut layers: Vec<(f64, &str)> = report
        .layers
        .iter()
        .filter_map(|layer| Some((layer.alone_snr_db?, layer.layer.as_str())))
        .collect();
    layers.sort_by(|a, b| a.0.total_cmp(&b.0));
    let names = layers.iter().take(LISTED);
    let names: Vec<String> = names
        .map(|(db, name)| format!("{name} ({db:.1} dB)"))
        .collect();
    let _ = writeln!(text, "Least signal to noise alone: {}.", names.join(", "));
}
