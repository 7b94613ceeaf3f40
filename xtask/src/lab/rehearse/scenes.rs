//! The scenes of a rehearsal. Each leaves the board with a release that sees.

use super::flasher;
use super::releases::{Kind, Release};
use super::{RehearseError, Stagehand, expect};
use std::fs;
use std::time::{Duration, Instant};

/// A scene: it changes the board, and tells what it saw.
pub(super) type Scene = fn(&mut Stagehand) -> Result<String, RehearseError>;

/// All scenes, in this order.
pub(super) const SCENES: [(&str, Scene); 15] = [
    ("first flash", first_flash),
    ("update, as a user with sudo", update),
    (
        "update, as a user who types a password",
        update_with_password,
    ),
    ("status, top and logs", looking),
    ("dry run", dry_run),
    ("release that crashes", crashes),
    ("release that hangs", hangs),
    ("release that sees no frames", blind),
    ("release that crashes later", crashes_later),
    ("damaged bundle", damaged),
    ("bundle signed by another key", other_key),
    ("wrong board", wrong_board),
    ("downgrade and rollback", downgrade),
    ("full disk", full_disk),
    ("ssh cut in the middle", ssh_cut),
];

fn first_flash(lab: &mut Stagehand) -> Result<String, RehearseError> {
    let release = lab.make(Kind::Good)?;
    let began = Instant::now();
    let flashed = lab.flash(&release, &[])?;
    expect(&flashed, true, "is in use")?;
    let seconds = began.elapsed().as_secs();
    Ok(format!(
        "{} after {seconds} s",
        lab.expect_in_use(&release)?
    ))
}

fn update(lab: &mut Stagehand) -> Result<String, RehearseError> {
    let release = lab.make(Kind::Good)?;
    let (host, key) = (lab.board.user_host(), lab.public_key.clone());
    let flashed = lab.start_as(&host, &release, &key, &[])?.wait()?;
    expect(&flashed, true, "is in use")?;
    lab.expect_in_use(&release)
}

/// As a new Jetson is: its user may ask sudo, which asks for a password.
fn update_with_password(lab: &mut Stagehand) -> Result<String, RehearseError> {
    const PASSWORD: &str = "open 'sesame'";
    let release = lab.make(Kind::Good)?;
    let rules = "/etc/sudoers.d/jetson";
    let ask = format!("mv {rules} /root/ && printf %s \"jetson:{PASSWORD}\" | chpasswd");
    lab.board.ssh_ok(&ask)?;
    let wrong = lab.start_typing(&release, "not it")?.wait()?;
    let refused = expect(&wrong, false, "sudo");
    let flashed = lab.start_typing(&release, PASSWORD)?.wait();
    lab.board.ssh_ok(&format!("mv /root/jetson {rules}"))?;
    refused?;
    expect(&flashed?, true, "is in use")?;
    lab.expect_in_use(&release)
}

/// The verbs that look after a board.
fn looking(lab: &mut Stagehand) -> Result<String, RehearseError> {
    for (words, expected) in [
        (&["status"][..], "health:"),
        (&["top", "--times", "1"], "fps"),
        (&["logs", "--lines", "50"], "lookout"),
    ] {
        let mut flash = flasher::command(&lab.board, &lab.board.host())?;
        let output = flash.args(words).output();
        let output = output.map_err(super::file_error(&lab.folder))?;
        let said = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() || !said.contains(expected) {
            let errors = String::from_utf8_lossy(&output.stderr);
            let text = format!("{words:?}: no `{expected}` in {said}{errors}");
            return Err(RehearseError::Wrong(text));
        }
    }
    Ok("they answer".to_owned())
}

fn dry_run(lab: &mut Stagehand) -> Result<String, RehearseError> {
    let before = lab.healthy()?;
    let release = lab.make(Kind::Good)?;
    let flashed = lab.flash(&release, &["--dry-run"])?;
    expect(&flashed, true, "nothing was changed")?;
    let after = lab.healthy()?;
    if (before.version, before.other_version) == (after.version, after.other_version) {
        return Ok("nothing changed".to_owned());
    }
    Err(RehearseError::Wrong(
        "a dry run changed something".to_owned(),
    ))
}

/// Flashes a bad release over a good one, which must come back.
fn goes_back(lab: &mut Stagehand, kind: Kind, words: &str) -> Result<String, RehearseError> {
    let before = lab.healthy()?;
    let release = lab.make(kind)?;
    let began = Instant::now();
    let flashed = lab.flash(&release, &[])?;
    expect(&flashed, false, "was not kept")?;
    expect(&flashed, false, words)?;
    let seconds = began.elapsed().as_secs();
    let after = lab.healthy()?;
    if after.version == before.version {
        return Ok(format!(
            "the old one is back and sees, {seconds} s after the start"
        ));
    }
    Err(RehearseError::Wrong(format!(
        "another release is in use: {after:?}"
    )))
}

fn crashes(lab: &mut Stagehand) -> Result<String, RehearseError> {
    goes_back(lab, Kind::Crashes, "it ended 3 times")
}

fn hangs(lab: &mut Stagehand) -> Result<String, RehearseError> {
    goes_back(lab, Kind::Hangs, "not healthy after")
}

fn blind(lab: &mut Stagehand) -> Result<String, RehearseError> {
    goes_back(lab, Kind::Blind, "it says blind")
}

fn crashes_later(lab: &mut Stagehand) -> Result<String, RehearseError> {
    let before = lab.healthy()?;
    let times = crate::board::FlashTimes {
        health_wait_s: super::TIMES.health_wait_s,
        soak_s: 40,
    };
    let release = lab.releases.make(Kind::CrashesLater, &times, &lab.key)?;
    let flashed = lab.flash(&release, &[])?;
    expect(&flashed, false, "was not kept")?;
    let after = lab.healthy()?;
    if after.version == before.version {
        return Ok("the old one is back and sees".to_owned());
    }
    Err(RehearseError::Wrong(format!(
        "another release is in use: {after:?}"
    )))
}

/// Something is refused with a sentence, and what is in use stays.
fn refused(
    lab: &mut Stagehand,
    release: &Release,
    key: &std::path::Path,
    more: &[&str],
    words: &str,
) -> Result<(), RehearseError> {
    let before = lab.healthy()?;
    let host = lab.board.host();
    let flashed = lab.start_as(&host, release, key, more)?.wait()?;
    expect(&flashed, false, words)?;
    let after = lab.healthy()?;
    let same_process =
        before.health.map(|health| health.pid) == after.health.map(|health| health.pid);
    if same_process && before.version == after.version && before.slot == after.slot {
        return Ok(());
    }
    Err(RehearseError::Wrong(
        "the release in use was touched".to_owned(),
    ))
}

fn damaged(lab: &mut Stagehand) -> Result<String, RehearseError> {
    let release = lab.make(Kind::Good)?;
    let key = lab.public_key.clone();
    let mut bytes = fs::read(&release.path).map_err(super::file_error(&release.path))?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&release.path, &bytes).map_err(super::file_error(&release.path))?;
    refused(lab, &release, &key, &[], "damaged")?;
    // The board itself, past the workstation's own look.
    lab.board.put(&[&release.path, &key], "/tmp")?;
    let name = release
        .path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let install = "/opt/lookout/current/lookout release install";
    let output = lab
        .board
        .ssh(&format!("{install} /tmp/{name} --key /tmp/release-key.pem"))?;
    lab.board
        .ssh_ok(&format!("rm -f /tmp/{name} /tmp/release-key.pem"))?;
    let is_refused = output.code != Some(0) && output.stderr.contains("damaged");
    let left = lab.board.ssh_ok("ls /opt/lookout")?;
    if is_refused && !left.contains("tmp") {
        return Ok("refused here, and by the board itself, which keeps nothing of it".to_owned());
    }
    let text = format!("{output:?}; in /opt/lookout: {left}");
    Err(RehearseError::Wrong(text))
}

fn other_key(lab: &mut Stagehand) -> Result<String, RehearseError> {
    let release = lab
        .releases
        .make(Kind::Good, &super::TIMES, &lab.other_key)?;
    let (own, other) = (lab.public_key.clone(), lab.other_public_key.clone());
    refused(lab, &release, &own, &[], "is not signed by the key")?;
    refused(lab, &release, &other, &[], "this board trusts the key")?;
    Ok("refused here with the own key, and by the board with the other".to_owned())
}

fn wrong_board(lab: &mut Stagehand) -> Result<String, RehearseError> {
    let binary = lab.releases.binary().to_owned();
    let key = lab.public_key.clone();
    for (name, words) in [
        ("orin-nano", "the release is for orin-nano"),
        ("generic-aarch64", "installed as qemu-arm64"),
    ] {
        let board = crate::board::Board::load(name)?;
        let folder = lab.folder.join(name);
        fs::create_dir_all(&folder).map_err(super::file_error(&folder))?;
        let mut others = super::Releases::new(&folder, &board, &binary);
        let release = others.make(Kind::Good, &super::TIMES, &lab.key)?;
        refused(lab, &release, &key, &[], words)?;
    }
    Ok("refused by its device tree, and by what is installed".to_owned())
}

fn downgrade(lab: &mut Stagehand) -> Result<String, RehearseError> {
    let old = lab.make(Kind::Good)?;
    let new = lab.make(Kind::Good)?;
    expect(&lab.flash(&new, &[])?, true, "is in use")?;
    let key = lab.public_key.clone();
    refused(lab, &old, &key, &[], "--allow-downgrade")?;
    expect(&lab.flash(&old, &["--allow-downgrade"])?, true, "is in use")?;
    lab.expect_in_use(&old)?;
    let mut flash = flasher::command(&lab.board, &lab.board.host())?;
    let output = flash.arg("rollback").output();
    let output = output.map_err(super::file_error(&lab.folder))?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !said.contains("is in use again") {
        return Err(RehearseError::Wrong(format!("rollback said {said}")));
    }
    lab.expect_in_use(&new)
}

fn full_disk(lab: &mut Stagehand) -> Result<String, RehearseError> {
    let release = lab.make(Kind::Good)?;
    let key = lab.public_key.clone();
    // All but a few MiB, so that the system itself still works.
    lab.board.ssh_ok(
        "f=$(df -Pk /opt | awk 'NR == 2 {print $4}'); fallocate -l $((f - 6000))K /opt/filler",
    )?;
    let result = refused(lab, &release, &key, &[], "delete what is not needed");
    lab.board.ssh_ok("rm -f /opt/filler; sync")?;
    result?;
    expect(&lab.flash(&release, &[])?, true, "is in use")?;
    Ok("refused, and flashed once there was room".to_owned())
}

/// The connection breaks while the bundle is copied; the copy goes on where it stopped.
fn ssh_cut(lab: &mut Stagehand) -> Result<String, RehearseError> {
    let release = lab.make(Kind::Good)?;
    let flash = lab.start(&release, &[])?;
    let size = "cat /var/tmp/lookout-flash-0/*.part 2>/dev/null | wc -c";
    let began = Instant::now();
    let mut cuts = 0;
    let mut last = 0;
    while cuts < 2 && began.elapsed() < Duration::from_secs(60) {
        let bytes: u64 = lab.board.ssh_ok(size)?.parse().unwrap_or(0);
        if bytes > last + 200_000 {
            // Every session but the one that says so; the server itself goes on.
            lab.board
                .ssh("pkill -9 -f '[c]at >> /var/tmp' ; pkill -9 -f 'sshd: root@notty' &")?;
            cuts += 1;
            last = bytes;
        }
    }
    let flashed = flash.wait()?;
    expect(&flashed, true, "is in use")?;
    let resumed = flashed.text.matches("the connection broke").count();
    if resumed == 0 {
        return Err(RehearseError::Wrong(
            "no cut came in the middle of the copy".to_owned(),
        ));
    }
    Ok(format!(
        "cut {cuts} times, resumed {resumed} times; {}",
        lab.expect_in_use(&release)?
    ))
}
