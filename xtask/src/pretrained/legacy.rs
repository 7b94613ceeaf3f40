//! Reader for the legacy (before the zip format) files of `torch.save`.
//!
//! Layout: three small pickles (magic number, version, facts about the machine), a pickle
//! of the state dictionary, a pickle of the list of storage keys, then for each key the
//! number of elements (u64) and the raw elements, all little-endian.

use super::pickle;
use super::value::{Element, PickleError, TensorRef, Value};
use std::collections::HashMap;

/// Most elements that all tensors of a file may have together; EfficientNet-Lite0 has 4.7 million.
pub const ELEMENTS_MAX: usize = 64 * 1024 * 1024;

/// Most axes of a tensor.
const RANK_MAX: usize = 8;

/// The integer 0x1950a86a20f9469cfc6c, which every such file begins with.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// The only version of the layout that there ever was.
const VERSION: i64 = 1001;

/// Why a file was refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LegacyError {
    /// One of the pickles is damaged, or not of this kind.
    #[error("pickle: {0}")]
    Pickle(#[from] PickleError),
    /// The file is not in the legacy layout.
    #[error("not a legacy torch.save file: {0}")]
    Layout(&'static str),
    /// A tensor does not fit its storage.
    #[error("tensor {name}: {reason}")]
    Tensor {
        /// Name in the state dictionary.
        name: String,
        /// What does not fit.
        reason: &'static str,
    },
}

/// A named tensor, its elements in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// Name in the state dictionary.
    pub name: String,
    /// Elements along each axis; empty for a single number.
    pub shape: Vec<usize>,
    /// The elements. 64-bit counters are given as the nearest 32-bit float.
    pub data: Vec<f32>,
}

/// All tensors of a saved state dictionary, in its order.
pub fn read(mut bytes: &[u8]) -> Result<Vec<NamedTensor>, LegacyError> {
    check_header(&mut bytes)?;
    let Value::Dict(entries, _) = pickle::load(&mut bytes)? else {
        return Err(LegacyError::Layout(
            "the saved object is not a state dictionary",
        ));
    };
    let tensors = named_tensors(entries)?;
    let storages = Storages::read(bytes, &tensors)?;
    let mut elements_left = ELEMENTS_MAX;
    tensors
        .into_iter()
        .map(|(name, tensor)| {
            let data = storages
                .elements(&tensor, &mut elements_left)
                .map_err(|reason| LegacyError::Tensor {
                    name: name.clone(),
                    reason,
                })?;
            Ok(NamedTensor {
                name,
                shape: tensor.shape.clone(),
                data,
            })
        })
        .collect()
}

fn check_header(bytes: &mut &[u8]) -> Result<(), LegacyError> {
    let magic = pickle::load(bytes)?;
    if magic != Value::LongInt(MAGIC.to_vec()) {
        return Err(LegacyError::Layout("wrong magic number"));
    }
    if pickle::load(bytes)? != Value::Int(VERSION) {
        return Err(LegacyError::Layout("the version is not 1001"));
    }
    let Value::Dict(facts, _) = pickle::load(bytes)? else {
        return Err(LegacyError::Layout(
            "no facts about the machine that saved it",
        ));
    };
    let little_endian = (Value::Str("little_endian".into()), Value::Bool(true));
    if !facts.contains(&little_endian) {
        return Err(LegacyError::Layout("it is not little-endian"));
    }
    Ok(())
}

type Named = (String, std::rc::Rc<TensorRef>);

fn named_tensors(entries: Vec<(Value, Value)>) -> Result<Vec<Named>, LegacyError> {
    entries
        .into_iter()
        .map(|entry| match entry {
            (Value::Str(name), Value::Tensor(tensor)) => Ok((name.to_string(), tensor)),
            _ => Err(LegacyError::Layout(
                "the state dictionary holds more than tensors",
            )),
        })
        .collect()
}

/// The raw elements of each storage.
struct Storages<'a> {
    by_key: HashMap<String, (Element, &'a [u8])>,
}

impl<'a> Storages<'a> {
    /// Reads the list of keys and the storages, which must end where the file ends.
    fn read(mut bytes: &'a [u8], tensors: &[Named]) -> Result<Self, LegacyError> {
        let Value::List(keys, _) = pickle::load(&mut bytes)? else {
            return Err(LegacyError::Layout("no list of storages"));
        };
        let expected: HashMap<&str, _> = tensors
            .iter()
            .map(|(_, t)| (&*t.storage.key, &t.storage))
            .collect();
        let mut by_key = HashMap::with_capacity(expected.len());
        for key in keys {
            let Value::Str(key) = key else {
                return Err(LegacyError::Layout("a storage key is no string"));
            };
            let storage = expected
                .get(&*key)
                .ok_or(LegacyError::Layout("a storage belongs to no tensor"))?;
            let data = take_storage(&mut bytes, storage.element, storage.count)?;
            by_key.insert(key.to_string(), (storage.element, data));
        }
        if !bytes.is_empty() {
            return Err(LegacyError::Layout("bytes follow the last storage"));
        }
        Ok(Self { by_key })
    }

    /// The elements of a view, in row-major order.
    fn elements(&self, view: &TensorRef, left: &mut usize) -> Result<Vec<f32>, &'static str> {
        if view.shape.len() != view.strides.len() || view.shape.len() > RANK_MAX {
            return Err("shape and strides do not belong together");
        }
        let (element, data) = self
            .by_key
            .get(&*view.storage.key)
            .ok_or("it has no storage")?;
        if *element != view.storage.element {
            return Err("its storage has another element type");
        }
        let count = view
            .shape
            .iter()
            .try_fold(1usize, |product, side| product.checked_mul(*side));
        let count = count
            .filter(|count| count <= left)
            .ok_or("it is too large")?;
        *left -= count;
        let stored = data.len() / element_bytes(*element);
        if count > 0 && last_index(view).is_none_or(|last| last >= stored) {
            return Err("it reaches beyond its storage");
        }
        Ok(gather(view, count, |index| {
            element_at(*element, data, index)
        }))
    }
}

fn take_storage<'a>(
    bytes: &mut &'a [u8],
    element: Element,
    count: usize,
) -> Result<&'a [u8], LegacyError> {
    const SHORT: LegacyError = LegacyError::Layout("the file ends inside a storage");
    let (head, tail) = bytes.split_first_chunk::<8>().ok_or(SHORT)?;
    if u64::from_le_bytes(*head) != count as u64 {
        return Err(LegacyError::Layout("a storage has not the announced size"));
    }
    let size = count.checked_mul(element_bytes(element)).ok_or(SHORT)?;
    let (data, tail) = tail.split_at_checked(size).ok_or(SHORT)?;
    *bytes = tail;
    Ok(data)
}

const fn element_bytes(element: Element) -> usize {
    match element {
        Element::F32 => 4,
        Element::I64 => 8,
    }
}

/// Index in the storage of the view's last element, `None` when it overflows.
/// Every side must be positive.
fn last_index(view: &TensorRef) -> Option<usize> {
    view.shape
        .iter()
        .zip(&view.strides)
        .try_fold(view.offset, |index, (side, stride)| {
            index.checked_add(side.checked_sub(1)?.checked_mul(*stride)?)
        })
}

/// Calls `at` for the storage index of each of the view's `count` elements.
/// [`last_index`] has shown that no index overflows.
fn gather(view: &TensorRef, count: usize, at: impl Fn(usize) -> f32) -> Vec<f32> {
    let mut position = [0usize; RANK_MAX];
    let mut data = Vec::with_capacity(count);
    for _ in 0..count {
        let steps = position
            .iter()
            .zip(&view.strides)
            .map(|(place, stride)| place * stride);
        data.push(at(view.offset + steps.sum::<usize>()));
        for axis in (0..view.shape.len()).rev() {
            position[axis] += 1;
            if position[axis] < view.shape[axis] {
                break;
            }
            position[axis] = 0;
        }
    }
    data
}

/// An element, 0 beyond the end (which the caller has ruled out).
fn element_at(element: Element, data: &[u8], index: usize) -> f32 {
    match element {
        Element::F32 => data
            .as_chunks::<4>()
            .0
            .get(index)
            .map_or(0.0, |bytes| f32::from_le_bytes(*bytes)),
        Element::I64 => data
            .as_chunks::<8>()
            .0
            .get(index)
            .map_or(0.0, |bytes| i64::from_le_bytes(*bytes) as f32),
    }
}

#[cfg(test)]
#[path = "legacy_tests.rs"]
mod tests;
