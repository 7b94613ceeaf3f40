//! A tiny checker for the tests: are all tags closed, and in order?

/// Counts the elements of `markup`, or says what is wrong with it. Knows what
/// [`super::markup::Markup`] writes, not all of HTML.
pub(crate) fn check_balanced(markup: &str) -> Result<usize, String> {
    let mut open: Vec<&str> = Vec::new();
    let mut count = 0;
    let mut rest = markup.strip_prefix("<!DOCTYPE html>").unwrap_or(markup);
    while let Some(start) = rest.find('<') {
        let text = &rest[..start];
        if text.contains('>') && !matches!(open.last(), Some(&("style" | "script"))) {
            return Err(format!("a bare `>` in `{text}`"));
        }
        let end = tag_end(&rest[start..]).ok_or("a tag without end")?;
        let tag = &rest[start + 1..start + end];
        rest = &rest[start + end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            match open.pop() {
                Some(last) if last == name => {}
                last => return Err(format!("</{name}> closes {last:?}")),
            }
            continue;
        }
        count += 1;
        let name = tag.split([' ', '/']).next().unwrap_or_default();
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(format!("`<{tag}>` is no tag"));
        }
        if !tag.ends_with('/') {
            open.push(name);
        }
        if matches!(name, "style" | "script") {
            let close = rest.find("</").ok_or("a script without end")?;
            rest = &rest[close..];
        }
    }
    if open.is_empty() {
        Ok(count)
    } else {
        Err(format!("not closed: {open:?}"))
    }
}

/// Where the tag at the start of `text` ends; quoted attributes may hold anything but quotes.
fn tag_end(text: &str) -> Option<usize> {
    let mut quoted = false;
    text.bytes().position(|byte| {
        quoted ^= byte == b'"';
        byte == b'>' && !quoted
    })
}

#[test]
fn unbalanced_markup_is_seen() {
    assert_eq!(check_balanced("<p>a<br/><b title=\"x>y\">c</b></p>"), Ok(3));
    for wrong in ["<p>", "<p></b>", "</p>", "<p>a>b</p>", "<p", "<a<b></b>"] {
        assert!(check_balanced(wrong).is_err(), "{wrong}");
    }
}
