#![allow(clippy::unwrap_used)]
use super::check::check_balanced;
use super::*;

const HOSTILE: &str = "</script><script>alert('x')</script>\"&<b>";

fn page() -> Page {
    let mut page = Page::new(HOSTILE);
    let mut table = Table::new(["class", HOSTILE]).with_caption(HOSTILE);
    table.row([Cell::text(HOSTILE), Cell::count(12_345)]);
    table.row([
        Cell::text("car").with_link(Link::section("a")),
        Cell::value(f64::NAN),
    ]);
    let bytes = jpeg(&[0; 12], 2, 2, 80).unwrap();
    page.section("a", HOSTILE)
        .paragraph(HOSTILE)
        .warning(HOSTILE)
        .list([HOSTILE])
        .facts([(HOSTILE, HOSTILE)])
        .table(&table)
        .chart(Plot::new(HOSTILE, Axis::linear(HOSTILE), Axis::log("b")))
        .section("a", "the same id")
        .subsection(HOSTILE)
        .gallery(&[
            Picture::embedded(&bytes, 2, 2, HOSTILE),
            Picture::file("pictures/1.jpg", 2, 2, "b").with_link(Link::file(HOSTILE)),
        ]);
    page
}

#[test]
fn a_page_is_well_formed_and_keeps_hostile_text_as_text() {
    let html = page().render();
    assert!(check_balanced(&html).unwrap() > 40);
    assert_eq!(html.matches("<script").count(), 1, "only the program's own");
    assert!(!html.contains("<b>"));
    assert!(html.contains("&lt;/script&gt;&lt;script&gt;"));
    assert!(html.contains("data:image/jpeg;base64,/9j/"));
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    let html = page().render();
    assert!(!html.contains("http://") && !html.contains("https://") && !html.contains("@import"));
    assert!(html.contains("default-src &#39;none&#39;"));
}

#[test]
fn the_navigation_reaches_every_section_once() {
    let html = page().render();
    for id in ["a", "a-2"] {
        assert_eq!(html.matches(&format!("<h2 id=\"{id}\"")).count(), 1);
        assert!(html.contains(&format!("<li><a href=\"#{id}\"")));
    }
}

#[test]
fn numbers_sort_as_numbers() {
    let html = page().render();
    assert!(html.contains("data-key=\"12345\">12\u{202F}345</td>"));
    assert!(
        html.contains("data-key=\"\">–</td>"),
        "what is no number sorts last"
    );
}

#[test]
fn an_empty_table_says_so() {
    let mut page = Page::new("a");
    page.table(&Table::new(["x", "y"]));
    let html = page.render();
    check_balanced(&html).unwrap();
    assert!(html.contains("colspan=\"2\">no data<") && !html.contains("<nav"));
}

#[test]
fn a_picture_of_a_wrong_size_is_refused() {
    assert!(jpeg(&[0; 11], 2, 2, 80).is_err());
    assert!(jpeg(&[], 0, 0, 80).is_err());
    assert!(jpeg(&[0; 12], 2, 2, 0).is_ok());
}
