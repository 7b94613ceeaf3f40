//! Bodies made of flat faces: boxes, bars, ellipsoids, discs, wheels.

use super::light::{Material, Rgb};
use super::painter::{Painter, Sides};
use super::placement::{cos, sin};
use super::vector::{Vec3, v3};

impl Painter {
    /// A box between two opposite corners in local metres.
    pub fn cuboid(&mut self, a: Vec3, b: Vec3, albedo: Rgb, material: Material) {
        self.frustum(
            a.y,
            [a.x, b.x, a.z, b.z],
            b.y,
            [a.x, b.x, a.z, b.z],
            albedo,
            material,
        );
    }

    /// A body with a rectangular bottom and top: `[x0, x1, z0, z1]` at two heights.
    pub fn frustum(
        &mut self,
        y0: f32,
        low: [f32; 4],
        y1: f32,
        high: [f32; 4],
        albedo: Rgb,
        material: Material,
    ) {
        let ring = |y: f32, r: [f32; 4]| {
            [
                v3(r[0], y, r[2]),
                v3(r[1], y, r[2]),
                v3(r[1], y, r[3]),
                v3(r[0], y, r[3]),
            ]
        };
        let (l, h) = (ring(y0, low), ring(y1, high));
        let centre = l[0].lerp(l[2], 0.5).lerp(h[0].lerp(h[2], 0.5), 0.5);
        let sides = Sides::AwayFrom(centre);
        for i in 0..4 {
            let j = (i + 1) % 4;
            self.face(&[l[i], l[j], h[j], h[i]], albedo, material, sides);
        }
        self.face(&h, albedo, material, sides);
        self.face(&l, albedo, material, sides);
    }

    /// A round bar from `a` to `b` with a radius at each end.
    pub fn limb(&mut self, a: Vec3, b: Vec3, ra: f32, rb: f32, albedo: Rgb) {
        let (ra, rb) = (self.visible_radius(ra), self.visible_radius(rb));
        let n = self.facets(ra.max(rb), 10);
        let axis = (b - a).unit();
        let help = if axis.y.abs() < 0.9 {
            v3(0.0, 1.0, 0.0)
        } else {
            v3(1.0, 0.0, 0.0)
        };
        let u = axis.cross(help).unit();
        let w = axis.cross(u);
        let centre = a.lerp(b, 0.5);
        let (mut p, mut q) = ([Vec3::default(); 12], [Vec3::default(); 12]);
        for i in 0..n {
            let angle = i as f32 * (std::f32::consts::TAU / n as f32);
            let d = u * cos(angle) + w * sin(angle);
            (p[i], q[i]) = (a + d * ra, b + d * rb);
        }
        let sides = Sides::AwayFrom(centre);
        for i in 0..n {
            let j = (i + 1) % n;
            self.face(&[p[i], p[j], q[j], q[i]], albedo, Material::Matte, sides);
        }
        self.face(&p[..n], albedo, Material::Matte, sides);
        self.face(&q[..n], albedo, Material::Matte, sides);
    }

    /// An upright ellipsoid. `jitter` roughens it for foliage.
    pub fn ellipsoid(&mut self, centre: Vec3, radii: Vec3, albedo: Rgb, jitter: f32) {
        let n = self.facets(radii.x.max(radii.y), if jitter > 0.0 { 18 } else { 12 });
        let rings = (n / 2).max(4);
        let at = |i: usize, j: usize| {
            let polar = i as f32 * (std::f32::consts::PI / rings as f32);
            let turn = (j % n) as f32 * (std::f32::consts::TAU / n as f32);
            let r = if jitter > 0.0 {
                let h = scramble(i * 37 + (j % n) * 101);
                1.0 + jitter * (h as f32 / 255.0 - 0.5)
            } else {
                1.0
            };
            centre
                + v3(
                    radii.x * sin(polar) * cos(turn) * r,
                    radii.y * cos(polar) * r,
                    radii.z * sin(polar) * sin(turn) * r,
                )
        };
        let sides = Sides::AwayFrom(centre);
        for i in 0..rings {
            for j in 0..n {
                let mut c = albedo;
                if jitter > 0.0 {
                    let h = scramble(i * 131 + j * 71);
                    let k = 1.0 + jitter * (h as f32 / 255.0 - 0.5);
                    c = [c[0] * k, c[1] * k, c[2] * k];
                }
                let quad = [at(i, j), at(i, j + 1), at(i + 1, j + 1), at(i + 1, j)];
                if i == 0 {
                    self.face(&[quad[0], quad[2], quad[3]], c, Material::Matte, sides);
                } else if i + 1 == rings {
                    self.face(&quad[..3], c, Material::Matte, sides);
                } else {
                    self.face(&quad, c, Material::Matte, sides);
                }
            }
        }
    }

    /// A disc seen from both sides: centre, two half axes.
    pub fn disc(&mut self, c: Vec3, u: Vec3, w: Vec3, albedo: Rgb, material: Material, top: bool) {
        let n = self.facets(u.length(), 16);
        let mut p = [Vec3::default(); 16];
        for (i, p) in p.iter_mut().enumerate().take(n) {
            let angle = i as f32 * (std::f32::consts::TAU / n as f32);
            *p = c + u * cos(angle) + w * sin(angle);
        }
        if top {
            self.decal(&p[..n], albedo, material);
        } else {
            self.face(&p[..n], albedo, material, Sides::Both);
        }
    }

    /// A car's wheel with its axle along x: tyre, rim and hub. `x` is the outer face,
    /// `inward` the way to the inner one.
    pub fn wheel(&mut self, at: Vec3, radius: f32, inward: f32, rim: Rgb) {
        let n = self.facets(radius, 16);
        let tyre = [0.055, 0.055, 0.06];
        let (mut p, mut q) = ([Vec3::default(); 16], [Vec3::default(); 16]);
        for i in 0..n {
            let angle = i as f32 * (std::f32::consts::TAU / n as f32);
            let d = v3(0.0, cos(angle), sin(angle)) * radius;
            (p[i], q[i]) = (at + d, at + d + v3(inward, 0.0, 0.0));
        }
        let sides = Sides::AwayFrom(at + v3(inward * 0.5, 0.0, 0.0));
        for i in 0..n {
            let j = (i + 1) % n;
            self.face(&[p[i], p[j], q[j], q[i]], tyre, Material::Matte, sides);
        }
        self.face(&p[..n], tyre, Material::Matte, sides);
        self.face(&q[..n], tyre, Material::Matte, sides);
        if radius * self.detail > 4.0 {
            let centre = at + v3(inward, 0.0, 0.0);
            let circle = |r: f32| {
                let mut c = [Vec3::default(); 12];
                for (i, c) in c.iter_mut().enumerate() {
                    let angle = i as f32 * (std::f32::consts::TAU / 12.0);
                    *c = at + v3(0.0, cos(angle), sin(angle)) * r - v3(inward * 0.01, 0.0, 0.0);
                }
                c
            };
            self.badge(&circle(radius * 0.66), rim, Material::Matte, centre);
            if radius * self.detail > 10.0 {
                for i in 0..5 {
                    let angle = i as f32 * (std::f32::consts::TAU / 5.0);
                    let spoke = |a: f32, r: f32| {
                        at + v3(0.0, cos(angle + a), sin(angle + a)) * (radius * r)
                            - v3(inward * 0.03, 0.0, 0.0)
                    };
                    let hole = [spoke(-0.34, 0.56), spoke(0.34, 0.56), spoke(0.0, 0.2)];
                    self.badge(&hole, [0.08, 0.08, 0.09], Material::Matte, centre);
                }
            }
        }
    }
}

/// A number in `0..256` that looks unrelated to `n`.
fn scramble(n: usize) -> u32 {
    (n as u32).wrapping_mul(2_654_435_761) >> 20 & 255
}
