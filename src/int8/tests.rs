//! Every set of kernels against plain loops, on random layers.
#![allow(clippy::unwrap_used)]

use super::graph::{Add, Conv, Graph, Node, Op, Scheme, Shape, Window};
use super::kernel::{Kernels, available};
use super::{Engine, Plan, reference};
use fastrand::Rng;
use proptest::prelude::*;

/// What a random layer is made of.
#[derive(Clone, Debug)]
struct Case {
    seed: u64,
    shape: Shape,
    outputs: usize,
    kernel: usize,
    stride: usize,
    /// 0: dense, 1: depthwise, else as many groups as divide both sides.
    groups: usize,
    /// Whether all values are extreme.
    extreme: bool,
}

fn case() -> impl Strategy<Value = Case> {
    let shape = (1usize..70, 1usize..12, 1usize..20);
    let kernel = prop_oneof![Just(1usize), Just(3), Just(5), 1usize..6];
    let rest = (1usize..150, kernel, 1usize..4, 0usize..4, any::<bool>());
    (any::<u64>(), shape, rest).prop_map(|(seed, shape, rest)| {
        let (channels, rows, columns) = shape;
        let (outputs, kernel, stride, groups, extreme) = rest;
        let (channels, outputs, groups) = match groups {
            0 => (channels, outputs, 1),
            1 => (channels, channels, channels),
            n => (channels * n, outputs.div_ceil(n) * n, n),
        };
        Case {
            seed,
            shape: Shape {
                channels,
                rows,
                columns,
            },
            outputs,
            kernel,
            stride,
            groups,
            extreme,
        }
    })
}

fn bytes(random: &mut Rng, count: usize, extreme: bool) -> Vec<u8> {
    let byte = |random: &mut Rng| match extreme {
        true => [0, 255][random.usize(..2)],
        false => random.u8(..),
    };
    (0..count).map(|_| byte(random)).collect()
}

fn conv(case: &Case, random: &mut Rng) -> (Conv, Shape) {
    let (x, kernel) = (case.shape, case.kernel);
    let per_output = x.channels / case.groups * kernel * kernel;
    let weight = (0..case.outputs * per_output).map(|_| match case.extreme {
        true => [-127, 127, -128][random.usize(..3)],
        false => random.i8(-127..),
    });
    let weight: Vec<i8> = weight.collect();
    // Sums of about the output's range, so that some saturate and most do not.
    let size = if case.extreme { 2e-5 } else { 0.02 };
    let size = size / (per_output as f32).sqrt();
    let before = random.usize(..kernel);
    let side = |input: usize| (input + before).div_ceil(case.stride).max(1);
    let window = Window {
        kernel: [kernel; 2],
        stride: [case.stride; 2],
        before: [before; 2],
    };
    let shape = Shape {
        channels: case.outputs,
        rows: side(x.rows),
        columns: side(x.columns),
    };
    let conv = Conv {
        window,
        groups: case.groups,
        weight,
        bias: (0..case.outputs).map(|_| random.i32(-9000..9000)).collect(),
        multiplier: (0..case.outputs).map(|_| size * random.f32()).collect(),
        input_zero: random.u8(..),
        output_zero: random.u8(..),
    };
    (conv, shape)
}

fn node(name: &str, op: Op, inputs: &[usize], shape: Shape) -> Node {
    Node {
        name: name.into(),
        op,
        inputs: inputs.to_vec(),
        shape,
    }
}

fn planes(engine: &Engine, node: usize) -> Vec<u8> {
    let view = engine.output(node);
    let mut out = Vec::with_capacity(view.shape.len());
    for channel in 0..view.shape.channels {
        for row in 0..view.shape.rows {
            for column in 0..view.shape.columns {
                let at = row * view.row_bytes + column * view.pixel_bytes + channel;
                out.push(view.data[at] ^ view.flip);
            }
        }
    }
    out
}

fn set_input(engine: &mut Engine, node: usize, planes: &[u8]) {
    let view = engine.input(node);
    let Shape { rows, columns, .. } = view.shape;
    for (i, byte) in planes.iter().enumerate() {
        let (plane, place) = (i / (rows * columns), i % (rows * columns));
        let at = place / columns * view.row_bytes + place % columns * view.pixel_bytes + plane;
        view.data[at] = byte ^ view.flip;
    }
}

/// Runs the graph twice on every set and on one and three threads.
fn check(graph: &Graph, random: &mut Rng, extreme: bool) {
    let frames: Vec<Vec<Vec<u8>>> = (0..2)
        .map(|_| {
            let inputs = graph.nodes.iter().filter(|n| matches!(n.op, Op::Input(_)));
            inputs
                .map(|n| bytes(random, n.shape.len(), extreme))
                .collect()
        })
        .collect();
    for kernels in available() {
        for threads in [1, 3] {
            let plan = Plan::new(graph.clone(), kernels).unwrap();
            let mut engine = Engine::new(plan, threads).unwrap();
            for inputs in &frames {
                let expected = reference::run(graph, inputs);
                for (index, node) in graph.nodes.iter().enumerate() {
                    if let Op::Input(nth) = node.op {
                        set_input(&mut engine, index, &inputs[nth]);
                    }
                }
                assert!(engine.run());
                for output in &graph.outputs {
                    let name = &graph.nodes[*output].name;
                    let found = planes(&engine, *output);
                    let wrong = found.iter().zip(&expected[*output]).filter(|(a, b)| a != b);
                    let count = wrong.count();
                    assert_eq!(
                        count,
                        0,
                        "{name}: {} with {threads} threads",
                        kernels.name()
                    );
                }
            }
        }
    }
}

fn scheme(random: &mut Rng) -> Scheme {
    Scheme {
        scale: 0.01 + random.f32(),
        zero_point: random.u8(..),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn one_convolution(case in case()) {
        let mut random = Rng::with_seed(case.seed);
        let (conv, shape) = conv(&case, &mut random);
        let graph = Graph {
            nodes: vec![
                node("x", Op::Input(0), &[], case.shape),
                node("conv", Op::Conv(conv), &[0], shape),
            ],
            outputs: vec![1],
        };
        check(&graph, &mut random, case.extreme);
    }

    /// Residual, upsampling, concatenation and pooling, tied together.
    #[test]
    fn a_small_network(case in case(), extra in 1usize..70) {
        let mut random = Rng::with_seed(case.seed ^ 1);
        let wide = Shape { channels: case.outputs, ..case.shape };
        let pointwise = |channels: usize, random: &mut Rng, zero: u8, case: &Case| {
            let mut case = case.clone();
            (case.kernel, case.stride, case.groups) = (1, 1, 1);
            case.outputs = channels;
            let (mut conv, _) = conv(&case, random);
            conv.input_zero = zero;
            Op::Conv(conv)
        };
        let deep = |channels: usize| Case {
            shape: Shape { channels, ..case.shape },
            ..case.clone()
        };
        let half = Shape {
            channels: case.outputs,
            rows: case.shape.rows.div_ceil(2),
            columns: case.shape.columns.div_ceil(2),
        };
        let even = Shape { rows: half.rows * 2, columns: half.columns * 2, ..half };
        let crop = Window { kernel: [1, 1], stride: [1, 1], before: [0, 0] };
        let pool = Window { kernel: [3, 3], stride: [2, 2], before: [1, 1] };
        let add = |random: &mut Rng| Op::Add(Add {
            inputs: [scheme(random), scheme(random)],
            output_zero: random.u8(..),
            output_per_unit: 0.2 + random.f32(),
        });
        let joined = Shape { channels: 2 * case.outputs + extra, ..wide };
        let mut after = deep(joined.channels);
        (after.groups, after.outputs, after.kernel, after.stride) = (1, 20, 3, 1);
        let (mut last, last_shape) = conv(&after, &mut random);
        last.input_zero = 7;
        let nodes = vec![
            node("x", Op::Input(0), &[], case.shape),
            node("a", pointwise(case.outputs, &mut random, 3, &case), &[0], wide),
            node("b", pointwise(case.outputs, &mut random, 3, &case), &[0], wide),
            node("sum", add(&mut random), &[1, 2], wide),
            node("pool", Op::MaxPool(pool), &[3], half),
            node("up", Op::Upsample([2, 2]), &[4], even),
            node("c", pointwise(case.outputs, &mut random, 9, &deep(case.outputs)), &[3], wide),
            node("crop", Op::MaxPool(crop), &[5], wide),
            node("d", pointwise(extra, &mut random, 9, &deep(case.outputs)), &[3], Shape { channels: extra, ..wide }),
            node("join", Op::Concat, &[6, 7, 8], joined),
            node("last", Op::Conv(last), &[9], last_shape),
            node("up2", Op::Upsample([2, 3]), &[4], Shape { columns: half.columns * 3, ..even }),
            node("wide", Op::Upsample([2, 2]), &[4], even),
            node("even", Op::Upsample([1, 1]), &[5], even),
            node("fine", add(&mut random), &[12, 13], even),
        ];
        let graph = Graph { nodes, outputs: vec![3, 7, 10, 11, 14] };
        check(&graph, &mut random, case.extreme);
    }
}

#[test]
fn sets_have_different_names() {
    let names: Vec<&str> = available()
        .iter()
        .map(|set: &&dyn Kernels| set.name())
        .collect();
    let mut unique = names.clone();
    unique.dedup();
    assert_eq!(names, unique);
    assert_eq!(names.last(), Some(&"portable"));
}
