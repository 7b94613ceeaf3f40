//! The solids that everything is made of, and where a ray meets them.

use lookout::drive::vector::{Vec3, v3};

/// Most planes of a hull.
const PLANES_MAX: usize = 10;

/// A half space: the points with `normal . p <= distance`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plane {
    pub normal: Vec3,
    pub distance: f32,
}

/// A solid in the axes of the thing that it belongs to.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    /// What is inside all planes.
    Hull(heapless::Vec<Plane, PLANES_MAX>),
    /// All points within `radius` of a segment.
    Tube { a: Vec3, b: Vec3, radius: f32 },
    /// An ellipsoid.
    Ball { centre: Vec3, radii: Vec3 },
    /// A ring or, with `inner` 0, a disc about an axis along x.
    Wheel {
        centre: Vec3,
        outer: f32,
        inner: f32,
        half: f32,
    },
}

/// Where a ray enters a solid: how far along the ray, and the unit normal there.
pub(super) type Hit = (f32, Vec3);

impl Shape {
    /// A box with edges along the axes.
    pub fn block(min: Vec3, max: Vec3) -> Self {
        let plane = |normal: Vec3, distance| Plane { normal, distance };
        let planes = [
            plane(v3(1.0, 0.0, 0.0), max.x),
            plane(v3(-1.0, 0.0, 0.0), -min.x),
            plane(v3(0.0, 1.0, 0.0), max.y),
            plane(v3(0.0, -1.0, 0.0), -min.y),
            plane(v3(0.0, 0.0, 1.0), max.z),
            plane(v3(0.0, 0.0, -1.0), -min.z),
        ];
        Self::Hull(planes.into_iter().collect())
    }

    /// A convex profile of `(z, y)` points, front bottom first and then upwards, `half` wide to
    /// both sides at `y = base`, and narrower by `taper` per metre above.
    pub fn profile(points: &[(f32, f32)], half: f32, base: f32, taper: f32) -> Self {
        let mut planes = heapless::Vec::new();
        for (i, &(z, y)) in points.iter().enumerate().take(PLANES_MAX - 2) {
            let (next_z, next_y) = points[(i + 1) % points.len()];
            let normal = v3(0.0, z - next_z, next_y - y).unit();
            let distance = normal.dot(v3(0.0, y, z));
            // There is room: two are left for the sides.
            let _ = planes.push(Plane { normal, distance });
        }
        for side in [-1.0, 1.0] {
            let normal = v3(side, taper, 0.0).unit();
            let distance = normal.dot(v3(side * half, base, 0.0));
            let _ = planes.push(Plane { normal, distance });
        }
        Self::Hull(planes)
    }

    /// Where the ray from `o` in unit direction `d` enters; negative behind `o`.
    pub fn hit(&self, o: Vec3, d: Vec3) -> Option<Hit> {
        match self {
            Self::Hull(planes) => hit_hull(planes, o, d),
            Self::Tube { a, b, radius } => hit_tube(*a, *b, *radius, o, d),
            Self::Ball { centre, radii } => hit_ball(*centre, *radii, o, d),
            Self::Wheel {
                centre,
                outer,
                inner,
                half,
            } => hit_wheel(o - *centre, d, *outer, *inner, *half),
        }
    }
}

fn hit_hull(planes: &[Plane], o: Vec3, d: Vec3) -> Option<Hit> {
    let (mut enter, mut leave) = (f32::NEG_INFINITY, f32::INFINITY);
    let mut normal = v3(0.0, 1.0, 0.0);
    for plane in planes {
        let towards = plane.normal.dot(d);
        let inside = plane.distance - plane.normal.dot(o);
        if towards < 0.0 {
            let t = inside / towards;
            if t > enter {
                (enter, normal) = (t, plane.normal);
            }
        } else if towards > 0.0 {
            leave = leave.min(inside / towards);
        } else if inside < 0.0 {
            return None;
        }
        if enter > leave {
            return None;
        }
    }
    enter.is_finite().then_some((enter, normal))
}

fn hit_tube(a: Vec3, b: Vec3, radius: f32, o: Vec3, d: Vec3) -> Option<Hit> {
    let (axis, from_a) = (b - a, o - a);
    let (length2, along, start) = (axis.dot(axis), axis.dot(d), axis.dot(from_a));
    let across = length2 - along * along;
    let mut end = a;
    if across > 1e-9 {
        let half = length2 * d.dot(from_a) - start * along;
        let rest = length2 * (from_a.dot(from_a) - radius * radius) - start * start;
        let square = half * half - across * rest;
        if square < 0.0 {
            return None;
        }
        let t = (-half - square.sqrt()) / across;
        let at = start + t * along;
        if at > 0.0 && at < length2 {
            let foot = a + axis * (at / length2);
            return Some((t, (o + d * t - foot).unit()));
        }
        if at > 0.0 {
            end = b;
        }
    } else if along < 0.0 {
        end = b;
    }
    hit_ball(end, v3(radius, radius, radius), o, d)
}

fn hit_ball(centre: Vec3, radii: Vec3, o: Vec3, d: Vec3) -> Option<Hit> {
    let shrink = v3(radii.x.recip(), radii.y.recip(), radii.z.recip());
    let scaled = |v: Vec3| v3(v.x * shrink.x, v.y * shrink.y, v.z * shrink.z);
    let (from, along) = (scaled(o - centre), scaled(d));
    let (a, b, c) = (along.dot(along), from.dot(along), from.dot(from) - 1.0);
    let square = b * b - a * c;
    if square < 0.0 {
        return None;
    }
    let t = (-b - square.sqrt()) / a;
    Some((t, scaled(from + along * t).unit()))
}

/// `o` is relative to the centre.
fn hit_wheel(o: Vec3, d: Vec3, outer: f32, inner: f32, half: f32) -> Option<Hit> {
    let mut best: Option<Hit> = None;
    let a = d.y * d.y + d.z * d.z;
    if a > 1e-9 {
        let b = o.y * d.y + o.z * d.z;
        let c = o.y * o.y + o.z * o.z - outer * outer;
        let square = b * b - a * c;
        if square < 0.0 {
            return None;
        }
        let t = (-b - square.sqrt()) / a;
        if (o.x + d.x * t).abs() <= half {
            let p = o + d * t;
            best = Some((t, v3(0.0, p.y, p.z).unit()));
        }
    }
    if d.x.abs() > 1e-6 {
        let side = -d.x.signum();
        let t = (side * half - o.x) / d.x;
        let (y, z) = (o.y + d.y * t, o.z + d.z * t);
        let square = y * y + z * z;
        if square <= outer * outer && square >= inner * inner {
            let nearer = best.is_none_or(|(other, _)| t < other);
            best = if nearer {
                Some((t, v3(side, 0.0, 0.0)))
            } else {
                best
            };
        }
    }
    best
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// How far outside a solid a point is; negative inside. Not a distance.
    fn outside(shape: &Shape, p: Vec3) -> f32 {
        match shape {
            Shape::Hull(planes) => planes
                .iter()
                .map(|plane| plane.normal.dot(p) - plane.distance)
                .fold(f32::NEG_INFINITY, f32::max),
            Shape::Tube { a, b, radius } => {
                let axis = *b - *a;
                let t = (axis.dot(p - *a) / axis.dot(axis).max(1e-12)).clamp(0.0, 1.0);
                let off = p - (*a + axis * t);
                off.dot(off).sqrt() - radius
            }
            Shape::Ball { centre, radii } => {
                let off = p - *centre;
                let off = v3(off.x / radii.x, off.y / radii.y, off.z / radii.z);
                off.dot(off).sqrt() - 1.0
            }
            Shape::Wheel {
                centre,
                outer,
                inner,
                half,
            } => {
                let off = p - *centre;
                let radius = off.y.hypot(off.z);
                (off.x.abs() - half).max(radius - outer).max(inner - radius)
            }
        }
    }

    fn shapes() -> Vec<Shape> {
        vec![
            Shape::block(v3(-1.0, -0.5, -2.0), v3(1.0, 0.5, 2.0)),
            Shape::profile(
                &[(1.0, 0.0), (0.6, 0.8), (-0.7, 0.9), (-1.0, 0.0)],
                0.8,
                0.0,
                0.3,
            ),
            Shape::Tube {
                a: v3(-0.5, 0.0, 0.3),
                b: v3(0.5, 1.0, -0.4),
                radius: 0.25,
            },
            Shape::Tube {
                a: v3(0.1, 0.2, 0.3),
                b: v3(0.1, 0.2, 0.3),
                radius: 0.5,
            },
            Shape::Ball {
                centre: v3(0.1, 0.2, -0.1),
                radii: v3(0.5, 1.0, 1.5),
            },
            Shape::Wheel {
                centre: v3(0.0, 0.1, 0.0),
                outer: 0.8,
                inner: 0.0,
                half: 0.2,
            },
            Shape::Wheel {
                centre: v3(0.0, 0.1, 0.0),
                outer: 0.8,
                inner: 0.6,
                half: 0.1,
            },
        ]
    }

    proptest! {
        /// A hit lies on the surface with its normal towards the ray, and no ray that passes
        /// through the solid is missed.
        #[test]
        fn rays_enter_where_the_solid_begins(
            from in prop::array::uniform3(-6f32..6.0),
            to in prop::array::uniform3(-1.2f32..1.2),
        ) {
            let o = v3(from[0], from[1], from[2]);
            prop_assume!(o.dot(o) > 16.0);
            let d = (v3(to[0], to[1], to[2]) - o).unit();
            for shape in shapes() {
                let hit = shape.hit(o, d);
                if let Some((t, normal)) = hit {
                    prop_assert!(outside(&shape, o + d * t).abs() < 2e-3, "{shape:?} {t}");
                    prop_assert!(normal.dot(d) < 1e-3 && (normal.dot(normal) - 1.0).abs() < 1e-3);
                }
                let first = (0..3000).map(|i| i as f32 * 0.004);
                // Through a ring's hole onto its inside, a ray passes: nobody sees that.
                let ring = matches!(shape, Shape::Wheel { inner, .. } if inner > 0.0);
                let first = first.clone().find(|t| outside(&shape, o + d * *t) < -0.01);
                if let (Some(first), false) = (first, ring) {
                    let (t, _) = hit.unwrap();
                    prop_assert!(t <= first + 1e-3, "{shape:?}: {t} {first}");
                }
            }
        }
    }
}
