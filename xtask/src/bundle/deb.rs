//! The same firmware as a Debian package, for people who manage their boards with one.

use super::stage::{PACKAGE_FOLDER, Stage};
use super::{BundleError, file_error};
use flate2::{Compression, GzBuilder};
use lookout::release::Version;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tar::{Builder, EntryType, Header};

/// Links that the package brings: path, and the file of the package that it leads to.
const LINKS: [(&str, &str); 6] = [
    ("usr/bin/lookout", "lookout"),
    (
        "lib/systemd/system/lookout.service",
        "units/lookout.service",
    ),
    (
        "lib/systemd/system/lookout-power.service",
        "units/lookout-power.service",
    ),
    (
        "lib/udev/rules.d/70-lookout-dashcam.rules",
        "units/70-lookout-dashcam.rules",
    ),
    (
        "lib/modules-load.d/lookout.conf",
        "units/lookout-modules.conf",
    ),
    ("usr/share/doc/lookout/copyright", "LICENSE"),
];

/// After unpacking: the user, the camera's rule and the service.
const POSTINST: &str = "#!/bin/sh
set -e
if [ \"$1\" = configure ]; then
    id -u lookout > /dev/null 2>&1 || useradd --system --no-create-home \\
        --home-dir=/var/lib/lookout --shell=/usr/sbin/nologin --user-group lookout
    if [ -d /run/systemd/system ]; then
        systemctl daemon-reload
        udevadm control --reload || true
        modprobe --all --quiet videodev uvcvideo || true
        udevadm trigger --subsystem-match=video4linux || true
        systemctl enable lookout.service lookout-power.service
        systemctl restart --no-block lookout.service
    fi
fi
";

/// Before removing: the service ends.
const PRERM: &str = "#!/bin/sh
set -e
if [ \"$1\" = remove ] && [ -d /run/systemd/system ]; then
    systemctl disable --now lookout.service lookout-power.service || true
fi
";

/// Writes the package of the files in `stage` to `folder`.
pub(super) fn write(
    folder: &Path,
    stage: &Stage,
    version: &Version,
) -> Result<PathBuf, BundleError> {
    let path = folder.join(format!("lookout_{version}_arm64.deb"));
    let write_error = file_error(&path);
    let data = data(stage)?;
    let control = control(stage, version).map_err(file_error(&path))?;
    let out = File::create(&path).map_err(file_error(&path))?;
    let mut archive = ar::Builder::new(out);
    let members: [(&str, &[u8]); 3] = [
        ("debian-binary", b"2.0\n"),
        ("control.tar.gz", &control),
        ("data.tar.gz", &data),
    ];
    for (name, bytes) in members {
        let mut header = ar::Header::new(name.as_bytes().to_vec(), bytes.len() as u64);
        header.set_mode(0o100_644);
        archive.append(&header, bytes).map_err(&write_error)?;
    }
    Ok(path)
}

fn control(stage: &Stage, version: &Version) -> io::Result<Vec<u8>> {
    let size = |name: &String| fs::metadata(stage.folder().join(name)).map_or(0, |m| m.len());
    let kib = stage.files().iter().map(size).sum::<u64>().div_ceil(1024);
    let text = format!(
        "Package: lookout\nVersion: {version}\nArchitecture: arm64\n\
         Maintainer: Lookout <lookout@localhost>\nInstalled-Size: {kib}\n\
         Depends: systemd, udev, passwd\nSection: misc\nPriority: optional\n\
         Description: finds road users in the frames of a dashcam\n \
         Takes frames from a camera, finds cars, trucks, buses, motorcycles, bicycles,\n \
         scooters, persons and riders in them, and publishes what it sees.\n"
    );
    let mut builder = Builder::new(gzip());
    folder(&mut builder, "./")?;
    file(&mut builder, "./control", text.as_bytes(), 0o644)?;
    file(&mut builder, "./postinst", POSTINST.as_bytes(), 0o755)?;
    file(&mut builder, "./prerm", PRERM.as_bytes(), 0o755)?;
    builder.into_inner()?.finish()
}

fn data(stage: &Stage) -> Result<Vec<u8>, BundleError> {
    let mut builder = Builder::new(gzip());
    let inside = PACKAGE_FOLDER.trim_start_matches('/');
    let names: Vec<String> = stage
        .files()
        .iter()
        .map(|name| format!("{inside}/{name}"))
        .collect();
    let links = LINKS.map(|(link, _)| link.to_owned());
    let mut folders: Vec<String> = names
        .iter()
        .chain(&links)
        .flat_map(|name| above(name))
        .collect();
    folders.sort();
    folders.dedup();
    let append_error = file_error(stage.folder());
    folder(&mut builder, "./").map_err(&append_error)?;
    for name in folders {
        folder(&mut builder, &format!("./{name}/")).map_err(&append_error)?;
    }
    for (name, source) in names.iter().zip(stage.files()) {
        let path = stage.folder().join(source);
        let bytes = fs::read(&path).map_err(file_error(&path))?;
        let mode = if source == "lookout" { 0o755 } else { 0o644 };
        file(&mut builder, &format!("./{name}"), &bytes, mode).map_err(&append_error)?;
    }
    for (link, target) in LINKS {
        let mut header = header(EntryType::Symlink, 0, 0o777);
        let target = format!("{PACKAGE_FOLDER}/{target}");
        builder
            .append_link(&mut header, format!("./{link}"), target)
            .map_err(&append_error)?;
    }
    let gzip = builder.into_inner().map_err(&append_error)?;
    gzip.finish().map_err(&append_error)
}

/// The folders that lead to a path, outermost first.
fn above(path: &str) -> Vec<String> {
    let slashes = path.match_indices('/');
    slashes.map(|(at, _)| path[..at].to_owned()).collect()
}

fn gzip() -> flate2::write::GzEncoder<Vec<u8>> {
    GzBuilder::new().write(Vec::new(), Compression::best())
}

fn header(kind: EntryType, bytes: u64, mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(bytes);
    header.set_mode(mode);
    header.set_mtime(0);
    header
}

fn folder(builder: &mut Builder<impl Write>, name: &str) -> io::Result<()> {
    let mut header = header(EntryType::Directory, 0, 0o755);
    builder.append_data(&mut header, name, io::empty())
}

fn file(builder: &mut Builder<impl Write>, name: &str, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut header = header(EntryType::Regular, bytes.len() as u64, mode);
    builder.append_data(&mut header, name, bytes)
}
