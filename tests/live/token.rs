//! The token that others than this machine must know.

use crate::http::{self, Answer};
use crate::served::{Served, drive};

const TOKEN: &str = "correct-horse-battery+staple/1=";

fn served() -> (Served, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let served = Served::start_with(drive(), "0.0.0.0:0", Some(&file), None);
    (served, folder)
}

#[test]
fn nothing_is_shown_without_the_token() {
    let (served, _folder) = served();
    let address = served.address;
    for path in [
        "/metrics",
        "/api/detections",
        "/api/picture.jpg",
        "/api/live",
        "/nothing",
    ] {
        let Answer { status, .. } = http::get(address, path, &[]);
        assert_eq!(status, 401, "{path}");
    }
    let entrance = http::get(address, "/", &[]);
    assert_eq!(entrance.status, 401);
    assert!(entrance.text().contains("name=\"token\""));
    assert_eq!(http::open(address, &[]).err(), Some(401));
    assert_eq!(http::get(address, "/healthz", &[]).text(), "ok\n");
    let bearer = format!("Bearer {TOKEN}");
    let known = [("Authorization", bearer.as_str())];
    assert_eq!(http::get(address, "/api/detections", &known).status, 200);
    assert!(http::open(address, &[("authorization", &bearer)]).is_ok());
    served.finish();
}

#[test]
fn a_browser_exchanges_the_token_for_a_session() {
    let (served, _folder) = served();
    let address = served.address;
    let token = TOKEN
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D");
    let answer = http::get(address, &format!("/?token={token}"), &[]);
    assert_eq!((answer.status, answer.header("location")), (303, Some("/")));
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"));
    assert!(!cookie.contains("battery"), "the cookie is not the token");
    let session = cookie.split(';').next().unwrap();
    let page = http::get(address, "/", &[("Cookie", session)]);
    assert_eq!(page.status, 200);
    assert!(page.text().contains("id=\"screen\""));
    assert!(http::open(address, &[("cookie", session)]).is_ok());
    let foreign = [("cookie", session), ("origin", "http://evil.example")];
    assert_eq!(http::open(address, &foreign).err(), Some(403));
    served.finish();
}

#[test]
fn who_is_wrong_too_often_has_to_wait() {
    let (served, _folder) = served();
    let address = served.address;
    let guess = |guess: &str| {
        let guess = format!("Bearer {guess}");
        http::get(address, "/api/health", &[("Authorization", &guess)]).status
    };
    let statuses: Vec<u16> = (0..30)
        .map(|i| guess(&format!("wrong-token-{i:04}")))
        .collect();
    assert_eq!(statuses[..5], [401; 5]);
    assert!(statuses.contains(&429), "{statuses:?}");
    let crash = http::get(address, "/?token=%zz", &[]);
    assert!(matches!(crash.status, 401 | 429));
    // Being right helps once a wrong one is forgiven.
    crate::served::wait_until("the right token is taken again", || guess(TOKEN) == 200);
    let bearer = format!("Bearer {TOKEN}");
    let metrics = http::get(address, "/metrics", &[("Authorization", &bearer)]).text();
    assert!(metrics.contains("lookout_live_refused_total{reason=\"attempts\"}"));
    served.finish();
}
