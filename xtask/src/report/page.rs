//! The page: its sections in the order in which a reader asks.

use super::figures::{RankedPicture, ReportFigures, scenes};
use super::pictures::picture;
use super::{Subject, sections};
use crate::page::{Page, Picture};
use lookout::class::ObjectClass;

/// Builds the whole page.
pub(super) fn page(subject: &Subject<'_>, figures: &ReportFigures) -> Page {
    let mut page = Page::new(format!("Report on {}", figures.model));
    sections::summary(&mut page, figures);
    sections::learning(&mut page, figures);
    sections::accuracy(&mut page, figures);
    sections::curves(&mut page, figures);
    sections::thresholds(&mut page, figures);
    sections::confusion(&mut page, figures);
    sections::calibration(&mut page, figures);
    galleries(&mut page, subject, figures);
    sections::speed(&mut page, subject);
    sections::origin(&mut page, figures);
    page
}

/// Best and worst pictures of each class.
fn galleries(page: &mut Page, subject: &Subject<'_>, figures: &ReportFigures) {
    page.section("pictures", "Best and worst pictures")
        .paragraph(
            "For each class the pictures with the most objects found, and those with the most \
         missed and false ones, at the class's threshold. Green is found, orange is a false \
         alarm, yellow is missed. Boxes of other classes are not drawn.",
        );
    for (class, own) in &figures.classes {
        if own.best.is_empty() && own.worst.is_empty() {
            continue;
        }
        page.subsection(class.name());
        for (kind, ranked) in [("best", &own.best), ("worst", &own.worst)] {
            let mut pictures: Vec<Picture> = Vec::new();
            for one in ranked {
                match draw(subject, figures, *class, kind, one) {
                    Ok(picture) => pictures.push(picture),
                    Err(reason) => {
                        page.warning(&reason);
                    }
                }
            }
            page.gallery(&pictures);
        }
    }
}

fn draw(
    subject: &Subject<'_>,
    figures: &ReportFigures,
    class: ObjectClass,
    kind: &str,
    ranked: &RankedPicture,
) -> Result<Picture, String> {
    let RankedPicture { set, file, tally } = ranked;
    let gone = || format!("{set}: {file} is not there any more");
    let (of, scene) = scenes(subject.sets).nth(tally.scene).ok_or_else(gone)?;
    let entry = of.dataset.images.get(scene.image).ok_or_else(gone)?;
    let threshold = figures.thresholds.get(&class).copied().unwrap_or(1.0);
    let caption = format!(
        "{kind}: {} found, {} false, {} missed ({set}, {file})",
        tally.right, tally.wrong, tally.missed
    );
    picture(entry, scene, class, threshold, &caption).map_err(|error| error.to_string())
}
