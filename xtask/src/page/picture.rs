//! Photographs in a page: inside it as a data URI, or as a file beside it.

use super::link::Link;
use super::markup::Markup;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageError};

/// A picture, what it shows, and where a click on it leads.
#[derive(Clone, Debug)]
pub struct Picture {
    source: String,
    width: u32,
    height: u32,
    caption: String,
    link: Option<Link>,
}

impl Picture {
    /// A JPEG that becomes part of the page. `width` and `height` are in pixels.
    pub fn embedded(jpeg: &[u8], width: u32, height: u32, caption: impl Into<String>) -> Self {
        let source = format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg));
        Self {
            source,
            width,
            height,
            caption: caption.into(),
            link: None,
        }
    }

    /// A picture file beside the page, by its path from the page's folder.
    pub fn file(path: &str, width: u32, height: u32, caption: impl Into<String>) -> Self {
        Self {
            source: Link::file(path).target().to_owned(),
            width,
            height,
            caption: caption.into(),
            link: None,
        }
    }

    /// The same picture, leading somewhere.
    #[must_use]
    pub fn with_link(self, link: Link) -> Self {
        Self {
            link: Some(link),
            ..self
        }
    }

    pub(super) fn write(&self, m: &mut Markup) {
        let (width, height) = (self.width.to_string(), self.height.to_string());
        let attributes = [
            ("src", self.source.as_str()),
            ("width", &width),
            ("height", &height),
            ("alt", &self.caption),
            ("loading", "lazy"),
        ];
        m.element("figure", &[("class", "picture")], |m| {
            match &self.link {
                Some(link) => link.write(m, |m| m.void("img", &attributes)),
                None => m.void("img", &attributes),
            }
            m.leaf("figcaption", &[], &self.caption);
        });
    }
}

/// Tightly packed R, G, B bytes as a JPEG of `quality` percent.
///
/// # Errors
/// When there are fewer bytes than the size needs, or a side is 0 or over 65535.
pub fn jpeg(rgb: &[u8], width: u32, height: u32, quality: u8) -> Result<Vec<u8>, ImageError> {
    let mut bytes = Vec::new();
    let expected = 3 * u64::from(width) * u64::from(height);
    // The encoder panics on a wrong length.
    if rgb.len() as u64 != expected {
        let error = std::io::Error::other(format!("{} bytes, not {expected}", rgb.len()));
        return Err(ImageError::IoError(error));
    }
    JpegEncoder::new_with_quality(&mut bytes, quality.clamp(1, 100)).write_image(
        rgb,
        width,
        height,
        ExtendedColorType::Rgb8,
    )?;
    Ok(bytes)
}
