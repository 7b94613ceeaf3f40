//! Tests of the index against a server on this computer that misbehaves on demand.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

const CONTENT: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

const PIN: Pin = Pin {
    project: "some-project",
    file: "some_project-1.whl",
    size_bytes: CONTENT.len() as u64,
    sha256: "74e7e5bb9d22d6db26bf76946d40fff3ea9f0346b884fd0694920fccfad15e33",
};

/// What the server does with requests for the file, one after the other; the last for all more.
#[derive(Clone, Copy)]
enum Answer {
    /// Sends all, or what the range asks for.
    Honest,
    /// Announces all, but ends the connection after so many bytes.
    Cut(usize),
    /// Sends all, whatever the range says.
    NoRanges,
    /// Sends the right number of wrong bytes.
    Wrong,
    /// Sends more than there should be.
    Longer,
    /// Answers with this status.
    Status(u16),
}

/// Starts the server; gives the index and the list of ranges that were asked for.
fn serve(page: &str, answers: &[Answer]) -> (Index, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (page, answers) = (page.replace("HOST", &address), answers.to_vec());
    let ranges = Arc::new(Mutex::new(Vec::new()));
    let seen = ranges.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines: Vec<String> = BufReader::new(stream.try_clone().unwrap())
                .lines()
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
                .collect();
            let reply = if lines[0].contains("/simple/") {
                whole(200, page.as_bytes(), "")
            } else {
                let range = lines.iter().find_map(|line| line.strip_prefix("range: "));
                let mut seen = seen.lock().unwrap();
                let answer = answers[seen.len().min(answers.len() - 1)];
                seen.push(range.unwrap_or("").to_owned());
                file_reply(answer, range)
            };
            // The client may have gone, which is its right.
            let _ = stream.write_all(&reply);
        }
    });
    let agent = Agent::config_builder()
        .proxy(None)
        .http_status_as_error(false)
        .build();
    let url = format!("{address}/simple");
    (
        Index::new(&url, agent.new_agent(), Duration::from_millis(1)).unwrap(),
        ranges,
    )
}

fn whole(status: u16, body: &[u8], headers: &str) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn file_reply(answer: Answer, range: Option<&str>) -> Vec<u8> {
    let start: usize = range
        .and_then(|range| {
            range
                .strip_prefix("bytes=")?
                .strip_suffix('-')?
                .parse()
                .ok()
        })
        .unwrap_or(0);
    let honest = || match start {
        0 => whole(200, CONTENT, ""),
        _ => {
            let range = format!("Content-Range: bytes {start}-35/36\r\n");
            whole(206, &CONTENT[start..], &range)
        }
    };
    match answer {
        Answer::Honest => honest(),
        Answer::Cut(count) => {
            let mut reply = honest();
            reply.truncate(reply.len() - (CONTENT.len() - start) + count);
            reply
        }
        Answer::NoRanges => whole(200, CONTENT, ""),
        Answer::Wrong => whole(200, &[b'x'; CONTENT.len()], ""),
        Answer::Longer => whole(200, &[CONTENT, CONTENT].concat(), ""),
        Answer::Status(status) => whole(status, b"", ""),
    }
}

const HTML: &str = "<a href=\"../../files/other-1.whl\">other</a>\n\
    <a data-x='1' href='../../files/some_project-1.whl#sha256=\
    74e7e5bb9d22d6db26bf76946d40fff3ea9f0346b884fd0694920fccfad15e33'>some_project-1.whl</a>";

fn fetch(answers: &[Answer]) -> (Result<Vec<u8>, FetchError>, Vec<String>) {
    let (index, ranges) = serve(HTML, answers);
    let folder = tempfile::tempdir().unwrap();
    let result = index
        .fetch(&PIN, folder.path())
        .map(|path| fs::read(path).unwrap());
    let ranges = ranges.lock().unwrap().clone();
    (result, ranges)
}

#[test]
fn a_whole_download_is_one_request() {
    let (result, ranges) = fetch(&[Answer::Honest]);
    assert_eq!(result.unwrap(), CONTENT);
    assert_eq!(ranges, [""]);
}

#[test]
fn a_file_that_is_there_is_not_asked_for_again() {
    let (index, ranges) = serve(HTML, &[Answer::Honest]);
    let folder = tempfile::tempdir().unwrap();
    index.fetch(&PIN, folder.path()).unwrap();
    index.fetch(&PIN, folder.path()).unwrap();
    assert_eq!(ranges.lock().unwrap().len(), 1);
    // A damaged one is.
    fs::write(folder.path().join(PIN.file), [0; CONTENT.len()]).unwrap();
    assert_eq!(
        fs::read(index.fetch(&PIN, folder.path()).unwrap()).unwrap(),
        CONTENT
    );
}

#[test]
fn a_broken_download_goes_on_where_it_was() {
    let (result, ranges) = fetch(&[Answer::Cut(10), Answer::Cut(5), Answer::Honest]);
    assert_eq!(result.unwrap(), CONTENT);
    assert_eq!(ranges, ["", "bytes=10-", "bytes=15-"]);
}

#[test]
fn an_earlier_run_is_gone_on_with() {
    let (index, ranges) = serve(HTML, &[Answer::Honest]);
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("some_project-1.whl.partial"),
        &CONTENT[..30],
    )
    .unwrap();
    assert_eq!(
        fs::read(index.fetch(&PIN, folder.path()).unwrap()).unwrap(),
        CONTENT
    );
    assert_eq!(*ranges.lock().unwrap(), ["bytes=30-"]);
}

#[test]
fn a_server_without_ranges_starts_over() {
    let (result, _) = fetch(&[Answer::Cut(10), Answer::NoRanges]);
    assert_eq!(result.unwrap(), CONTENT);
}

#[test]
fn a_busy_server_is_asked_again_but_not_for_ever() {
    let (result, _) = fetch(&[Answer::Status(503), Answer::Honest]);
    assert_eq!(result.unwrap(), CONTENT);
    let (result, ranges) = fetch(&[Answer::Status(503)]);
    assert!(matches!(result, Err(FetchError::Network { .. })));
    assert_eq!(ranges.len(), FAILURES_MAX as usize);
    let (result, ranges) = fetch(&[Answer::Status(403)]);
    assert!(matches!(result, Err(FetchError::Network { .. })));
    assert_eq!(ranges.len(), 1);
}

#[test]
fn wrong_bytes_are_thrown_away() {
    let (index, _) = serve(HTML, &[Answer::Wrong]);
    let folder = tempfile::tempdir().unwrap();
    let result = index.fetch(&PIN, folder.path());
    assert!(matches!(result, Err(FetchError::Hash { .. })));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let (result, _) = fetch(&[Answer::Longer]);
    assert!(matches!(result, Err(FetchError::Network { .. })));
}

#[test]
fn json_pages_are_read_too() {
    let json = r#"{"files": [{"filename": "some_project-1.whl", "url": "HOST/files/a.whl",
        "hashes": {}, "yanked": false}]}"#;
    let (index, _) = serve(json, &[Answer::Honest]);
    let folder = tempfile::tempdir().unwrap();
    assert!(index.fetch(&PIN, folder.path()).is_ok());
}

#[test]
fn an_index_that_knows_another_file_is_refused_before_the_download() {
    for page in [
        HTML.replace("74e7", "0000"),
        "<html></html>".into(),
        String::new(),
    ] {
        let (index, ranges) = serve(&page, &[Answer::Honest]);
        let folder = tempfile::tempdir().unwrap();
        assert!(index.fetch(&PIN, folder.path()).is_err());
        assert!(ranges.lock().unwrap().is_empty());
    }
}

#[test]
fn only_web_addresses_are_an_index() {
    let agent = || Agent::new_with_defaults();
    for url in ["", "pypi", "file:///etc", "ftp://a/b", "https://"] {
        assert!(Index::new(url, agent(), Duration::ZERO).is_err(), "{url}");
    }
    let index = Index::new("https://me:secret@a.b/simple/", agent(), Duration::ZERO).unwrap();
    assert_eq!(shown(&index.url), "https://a.b/simple/");
}
