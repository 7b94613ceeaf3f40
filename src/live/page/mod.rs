//! The page itself: one file without anything from elsewhere, and what browsers must know of it.

use crate::annotate::class_colour;
use crate::class::ObjectClass;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Html;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use std::fmt::Write;

const HTML: &str = include_str!("page.html");
const ENTRANCE: &str = include_str!("entrance.html");
const CSS: &str = include_str!("page.css");
const SCRIPTS: [&str; 4] = [
    include_str!("link.js"),
    include_str!("stage.js"),
    include_str!("timeline.js"),
    include_str!("page.js"),
];

/// The page and the headers of every answer.
pub(super) struct Page {
    html: String,
    entrance: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Page {
    /// Puts the page together.
    pub(super) fn new() -> Self {
        let script = format!("'use strict';\n{}{}", classes(), SCRIPTS.concat());
        let html = HTML
            .replace("<!--style-->", &format!("<style>{CSS}</style>"))
            .replace("<!--script-->", &format!("<script>{script}</script>"));
        let entrance = ENTRANCE.replace("<!--style-->", &format!("<style>{CSS}</style>"));
        Self {
            html,
            entrance,
            headers: headers(&script),
        }
    }

    /// The page.
    pub(super) fn show(&self) -> Html<String> {
        Html(self.html.clone())
    }

    /// The page that asks for the token.
    pub(super) fn entrance(&self) -> Html<String> {
        Html(self.entrance.clone())
    }

    /// Adds what every answer says: that nothing but what is in the page may run in it, that it
    /// is for no other page, and that it is not to be stored.
    pub(super) fn add_headers(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.headers {
            headers.insert(name.clone(), value.clone());
        }
    }
}

/// The classes and their colours, for the script.
fn classes() -> String {
    let mut text = String::from("const CLASSES = {");
    for class in ObjectClass::ALL {
        let [r, g, b] = class_colour(class);
        // Writing to a string cannot fail.
        let _ = write!(text, "{class}:'#{r:02x}{g:02x}{b:02x}',");
    }
    text.push_str("};\n");
    text
}

fn headers(script: &str) -> Vec<(HeaderName, HeaderValue)> {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; img-src 'self' blob: \
         data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        hash(script),
        hash(CSS)
    );
    let same_origin = HeaderName::from_static("cross-origin-resource-policy");
    let mut headers = vec![
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (same_origin, HeaderValue::from_static("same-origin")),
    ];
    // Of letters and digits only, so that it always is one.
    headers.extend(
        HeaderValue::try_from(policy).map(|policy| (header::CONTENT_SECURITY_POLICY, policy)),
    );
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_whole_and_asks_nobody_else() {
        let page = Page::new();
        for text in [&page.html, &page.entrance] {
            assert!(!text.contains("<!--"), "a part is missing");
            assert!(!text.contains("https://"), "something from elsewhere");
            let others = text.matches("http://").count();
            assert_eq!(others, text.matches("http://www.w3.org/").count());
        }
        for class in ObjectClass::ALL {
            assert!(page.html.contains(&format!("{class}:'#")));
        }
        let mut headers = HeaderMap::new();
        page.add_headers(&mut headers);
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str();
        assert!(policy.is_ok_and(|policy| policy.contains("script-src 'sha256-")));
    }
}
