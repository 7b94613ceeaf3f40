//! Tests of who may ask, as far as they need no server.

#![allow(clippy::unwrap_used)]
use super::*;
use axum::http::Request;

fn parts(uri: &str, headers: &[(&str, &str)]) -> request::Parts {
    let mut request = Request::builder().uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn check(address: &str, uri: &str, headers: &[(&str, &str)]) -> Result<(), Refusal> {
    Access::new(address.parse().unwrap(), None).check_origin(&parts(uri, headers))
}

#[test]
fn on_loopback_only_names_of_this_machine_are_answered() {
    for host in [
        "localhost",
        "LOCALHOST:8080",
        "127.0.0.1:8080",
        "127.0.0.2",
        "[::1]:8080",
        "[::ffff:127.0.0.1]:80",
    ] {
        assert_eq!(
            check("127.0.0.1:8080", "/", &[("host", host)]),
            Ok(()),
            "{host}"
        );
    }
    for host in [
        "",
        "evil.example",
        "localhost.evil.example",
        "localhost@evil.example",
        "evil@localhost",
        "10.0.0.1",
        "[fe80::1]",
        "0.0.0.0:8080",
        "127.0.0.1.evil.example",
        "a b",
    ] {
        let refused = check("127.0.0.1:8080", "/", &[("host", host)]);
        assert_eq!(refused, Err(Refusal::Host), "{host}");
    }
    let twice = [("host", "localhost"), ("host", "localhost")];
    assert_eq!(check("[::1]:80", "/", &twice), Err(Refusal::Host));
    assert_eq!(check("[::1]:80", "/", &[]), Err(Refusal::Host));
    let other = check("[::1]:80", "http://evil.example/", &[("host", "localhost")]);
    assert_eq!(other, Err(Refusal::Host));
    assert_eq!(check("10.0.0.1:80", "/", &[("host", "car.local")]), Ok(()));
}

#[test]
fn only_the_page_from_here_may_ask() {
    let from = |host, origin| {
        let headers = [("host", host), ("origin", origin)];
        check("10.0.0.1:80", "/api/live", &headers)
    };
    assert_eq!(from("car.local:8080", "http://car.local:8080"), Ok(()));
    assert_eq!(from("car.local", "https://CAR.local"), Ok(()));
    for (host, origin) in [
        ("car.local:8080", "http://car.local"),
        ("car.local", "http://evil.example"),
        ("car.local", "null"),
        ("car.local", "car.local"),
        ("car.local", "ftp://car.local"),
    ] {
        assert_eq!(from(host, origin), Err(Refusal::Origin), "{origin}");
    }
}

#[test]
fn other_sites_may_link_to_the_page_and_nothing_else() {
    let from = |uri, mode| {
        let site = ("sec-fetch-site", "cross-site");
        let headers = [("host", "localhost"), site, ("sec-fetch-mode", mode)];
        check("127.0.0.1:80", uri, &headers)
    };
    assert_eq!(from("/", "navigate"), Ok(()));
    assert_eq!(from("/", "no-cors"), Err(Refusal::Origin));
    assert_eq!(from("/api/picture.jpg", "no-cors"), Err(Refusal::Origin));
    assert_eq!(from("/api/picture.jpg", "navigate"), Err(Refusal::Origin));
}

#[test]
fn secrets_are_found_where_they_may_be() {
    let of = |headers| parts("/", headers).headers;
    assert_eq!(
        bearer(&of(&[("authorization", "Bearer abc ")])),
        Some(&b"abc"[..])
    );
    assert_eq!(
        bearer(&of(&[("authorization", "bearer abc")])),
        Some(&b"abc"[..])
    );
    assert_eq!(bearer(&of(&[("authorization", "Basic abc")])), None);
    assert_eq!(bearer(&of(&[("authorization", "B")])), None);
    let cookies = of(&[("cookie", "a=1; lookout-live=xyz;b=2")]);
    assert_eq!(cookie(&cookies, COOKIE), Some(&b"xyz"[..]));
    assert_eq!(
        cookie(&of(&[("cookie", "lookout-live2=xyz")]), COOKIE),
        None
    );
    assert_eq!(
        query_value("a=1&token=x%2By", "token"),
        Some(b"x+y".to_vec())
    );
    assert_eq!(query_value("token", "token"), None);
    assert_eq!(query_value("token=%4", "token"), None);
    assert_eq!(query_value("token=%zz", "token"), None);
}

#[test]
fn large_bodies_are_refused_unread() {
    let of = |headers: &[(&str, &str)]| Access::check_body(&parts("/", headers).headers);
    assert_eq!(of(&[]), Ok(()));
    assert_eq!(of(&[("content-length", "1024")]), Ok(()));
    for (name, value) in [
        ("content-length", "1025"),
        ("content-length", "-1"),
        ("transfer-encoding", "chunked"),
    ] {
        assert_eq!(of(&[(name, value)]), Err(Refusal::Body), "{name}: {value}");
    }
}
