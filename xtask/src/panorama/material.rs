//! How surfaces answer to daylight and to the laser.

/// What a surface is, where that is more than two shares of light.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Surface {
    /// The same everywhere.
    #[default]
    Plain,
    /// Most of the laser's light goes through or away.
    Glass,
    /// Sends the laser's light back to where it came from: plates, signs, lamps.
    Retro,
    /// Leaves, between which one looks through.
    Foliage,
    /// A wall with windows; the number tells houses apart.
    Facade(u32),
    /// Road, pavement and what is painted on them.
    Ground,
}

/// Shares of light that a surface gives back, `0..=1`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Material {
    /// Of daylight.
    pub day: f32,
    /// Of the laser's light.
    pub laser: f32,
    pub surface: Surface,
}

/// Shorthand for a plain [`Material`].
pub(super) const fn plain(day: f32, laser: f32) -> Material {
    Material {
        day,
        laser,
        surface: Surface::Plain,
    }
}

/// Shorthand for another [`Material`].
const fn special(day: f32, laser: f32, surface: Surface) -> Material {
    Material {
        day,
        laser,
        surface,
    }
}

pub(super) const GLASS: Material = special(0.10, 0.05, Surface::Glass);
pub(super) const PLATE: Material = special(0.75, 1.0, Surface::Retro);
pub(super) const LAMP: Material = special(0.60, 0.8, Surface::Retro);
pub(super) const LEAVES: Material = special(0.32, 0.50, Surface::Foliage);
pub(super) const TYRE: Material = plain(0.05, 0.06);
pub(super) const RIM: Material = plain(0.50, 0.55);
pub(super) const METAL: Material = plain(0.35, 0.40);
pub(super) const DARK: Material = plain(0.07, 0.10);
pub(super) const BARK: Material = plain(0.16, 0.25);
pub(super) const SKIN: Material = plain(0.42, 0.50);
pub(super) const CONCRETE: Material = plain(0.40, 0.40);
