//! The page of a project on a package index: JSON (PEP 691) or HTML (PEP 503).

use url::Url;

/// A file that an index lists.
pub struct Listed {
    /// Where it is.
    pub url: Url,
    /// Its hash, where the index tells it.
    pub sha256: Option<String>,
}

/// The file of this name on an index page that was read from `base`, `None` when the page
/// does not list it.
pub fn listed(page: &str, file: &str, base: &Url) -> Option<Listed> {
    listed_in_json(page, file, base).or_else(|| listed_in_html(page, file, base))
}

#[derive(serde::Deserialize)]
struct Page {
    files: Vec<PageFile>,
}

#[derive(serde::Deserialize)]
struct PageFile {
    filename: String,
    url: String,
    #[serde(default)]
    hashes: std::collections::HashMap<String, String>,
}

fn listed_in_json(text: &str, file: &str, base: &Url) -> Option<Listed> {
    let page: Page = serde_json::from_str(text).ok()?;
    let mut entry = page
        .files
        .into_iter()
        .find(|entry| entry.filename == file)?;
    Some(Listed {
        url: usable(base, &entry.url)?,
        sha256: entry.hashes.remove("sha256"),
    })
}

/// Looks only at the addresses of links: their last part is the name of the file, and the
/// fragment its hash.
fn listed_in_html(text: &str, file: &str, base: &Url) -> Option<Listed> {
    text.split("href=").skip(1).find_map(|rest| {
        let quote = rest
            .chars()
            .next()
            .filter(|quote| matches!(quote, '"' | '\''))?;
        let (address, _) = rest[1..].split_once(quote)?;
        let mut url = usable(base, &address.replace("&amp;", "&"))?;
        if url.path_segments()?.next_back()? != file {
            return None;
        }
        let sha256 = url
            .fragment()
            .and_then(|text| text.strip_prefix("sha256="))
            .map(str::to_owned);
        url.set_fragment(None);
        Some(Listed { url, sha256 })
    })
}

fn usable(base: &Url, address: &str) -> Option<Url> {
    base.join(address)
        .ok()
        .filter(|url| matches!(url.scheme(), "https" | "http"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    const FILE: &str = "a_b-1-py3.whl";

    fn find(page: &str) -> Option<(String, Option<String>)> {
        let base = Url::parse("https://h/simple/a-b/").unwrap();
        listed(page, FILE, &base).map(|found| (found.url.to_string(), found.sha256))
    }

    #[test]
    fn both_kinds_of_page_are_read() {
        let hash = Some("ab12".to_owned());
        let html = "<a href=\"x/a_b-1-py3.whl.sig\">no</a>\n\
            <a rel='internal' href='../../p/a_b-1-py3.whl?a=1&amp;b=2#sha256=ab12'>yes</a>";
        let address = "https://h/p/a_b-1-py3.whl?a=1&b=2";
        assert_eq!(find(html), Some((address.into(), hash.clone())));
        let json = r#"{"meta": {"api-version": "1.1"}, "files": [
            {"filename": "a_b-1.tar.gz", "url": "/s", "hashes": {"sha256": "cd"}},
            {"filename": "a_b-1-py3.whl", "url": "https://f/w", "hashes": {"sha256": "ab12"}}]}"#;
        assert_eq!(find(json), Some(("https://f/w".into(), hash)));
        assert_eq!(find("<a href=a_b-1-py3.whl>unquoted</a>"), None);
        assert_eq!(find("<a href='file:///a_b-1-py3.whl'>local</a>"), None);
        assert_eq!(find(""), None);
    }

    proptest! {
        #[test]
        fn no_page_panics(page in "[\"'<>a-z=#:/&{}\\[\\],é]{0,80}(href=.{0,40})?") {
            let _ = find(&page);
        }
    }
}
