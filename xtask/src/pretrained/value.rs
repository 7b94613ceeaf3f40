//! The Python values that a saved state dictionary is made of.

use std::rc::Rc;

/// Why a pickle was refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PickleError {
    /// The bytes end inside an instruction.
    #[error("the file ends early")]
    Truncated,
    /// An instruction that saved tensors do not need.
    #[error("opcode 0x{0:02x} is not allowed")]
    Opcode(u8),
    /// A class or function that saved tensors do not need.
    #[error("global `{0}` is not allowed")]
    Global(String),
    /// An instruction whose operands have the wrong types.
    #[error("{0}")]
    Operand(&'static str),
    /// The pickle is larger or deeper than any honest one.
    #[error("more than {0}")]
    Limit(&'static str),
}

/// Classes and functions that a pickle may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Global {
    /// `collections.OrderedDict`
    OrderedDict,
    /// `torch._utils._rebuild_tensor_v2`
    RebuildTensor,
    /// `torch.FloatStorage`, 32-bit floats
    FloatStorage,
    /// `torch.LongStorage`, 64-bit integers
    LongStorage,
}

impl Global {
    /// The global of these names, or the refusal of any other.
    pub fn from_names(module: &str, name: &str) -> Result<Self, PickleError> {
        match (module, name) {
            ("collections", "OrderedDict") => Ok(Self::OrderedDict),
            ("torch._utils", "_rebuild_tensor_v2") => Ok(Self::RebuildTensor),
            ("torch", "FloatStorage") => Ok(Self::FloatStorage),
            ("torch", "LongStorage") => Ok(Self::LongStorage),
            _ => Err(PickleError::Global(format!("{module}.{name}"))),
        }
    }
}

/// Type of the elements of a storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// 32-bit float, 4 bytes.
    F32,
    /// 64-bit integer, 8 bytes.
    I64,
}

/// A reference to a storage, whose bytes follow the pickles in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageRef {
    /// Type of its elements.
    pub element: Element,
    /// Its name in the list of storage keys.
    pub key: Rc<str>,
    /// Number of its elements.
    pub count: usize,
}

/// A view of a storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorRef {
    /// Where the elements are.
    pub storage: Rc<StorageRef>,
    /// Index of the first element.
    pub offset: usize,
    /// Elements along each axis.
    pub shape: Vec<usize>,
    /// Distance between neighbours along each axis, in elements.
    pub strides: Vec<usize>,
}

/// A Python value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `None`
    None,
    /// `True` or `False`
    Bool(bool),
    /// An integer that fits into 64 bits.
    Int(i64),
    /// A longer integer, as its little-endian bytes in two's complement.
    LongInt(Vec<u8>),
    /// A string.
    Str(Rc<str>),
    /// A tuple, with its depth.
    Tuple(Rc<[Value]>, u8),
    /// A list, with its depth.
    List(Vec<Value>, u8),
    /// A dictionary or `OrderedDict` in order of insertion, with its depth.
    Dict(Vec<(Value, Value)>, u8),
    /// A class or function.
    Global(Global),
    /// A storage.
    Storage(Rc<StorageRef>),
    /// A tensor.
    Tensor(Rc<TensorRef>),
}

impl Value {
    /// How deep containers are nested in it; 0 for a plain value.
    pub fn depth(&self) -> u8 {
        match self {
            Self::Tuple(_, depth) | Self::List(_, depth) | Self::Dict(_, depth) => *depth,
            _ => 0,
        }
    }

    /// The value as a number of things, when it is an integer that is not negative.
    pub fn as_count(&self) -> Option<usize> {
        match self {
            Self::Int(value) => usize::try_from(*value).ok(),
            _ => None,
        }
    }
}
