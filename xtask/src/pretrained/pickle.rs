//! A reader for the few pickles that a legacy `torch.save` file holds.
//!
//! Pickle is a programming language; this runs only the small, harmless part of it that
//! saved tensors use. Whatever else a file tries is an error: no other global, no
//! other opcode, nothing nested deeply, nothing large.

use super::value::{Element, Global, PickleError, StorageRef, TensorRef, Value};
use std::collections::HashMap;
use std::rc::Rc;

/// Most instructions in one pickle; the pretrained weights need about 10 000.
const OPERATIONS_MAX: usize = 1_000_000;

/// Deepest nesting of values, which bounds the recursion when they are dropped.
const DEPTH_MAX: u8 = 16;

/// Runs one pickle from the front of `bytes`, and moves `bytes` past its end.
pub fn load(bytes: &mut &[u8]) -> Result<Value, PickleError> {
    let mut machine = Machine {
        input: bytes,
        ..Machine::default()
    };
    for _ in 0..OPERATIONS_MAX {
        if let Some(value) = machine.step()? {
            *bytes = machine.input;
            return Ok(value);
        }
    }
    Err(PickleError::Limit("1 000 000 instructions in a pickle"))
}

#[derive(Default)]
struct Machine<'a> {
    input: &'a [u8],
    stack: Vec<Value>,
    marks: Vec<usize>,
    /// `None` stands for a list or dictionary: they change after they were stored,
    /// and no honest file of this kind refers to one twice.
    memo: HashMap<u32, Option<Value>>,
}

impl<'a> Machine<'a> {
    /// Runs one instruction; the value when it was the last.
    fn step(&mut self) -> Result<Option<Value>, PickleError> {
        let opcode = self.byte()?;
        match opcode {
            0x80 => self.protocol()?,
            b'.' => return self.pop().map(Some),
            b'N' => self.stack.push(Value::None),
            0x88 => self.stack.push(Value::Bool(true)),
            0x89 => self.stack.push(Value::Bool(false)),
            b'K' => self.integer(1)?,
            b'M' => self.integer(2)?,
            b'J' => self.integer(4)?,
            0x8a => self.long()?,
            b'X' => self.string()?,
            b'(' => self.marks.push(self.stack.len()),
            b')' => self.tuple(Vec::new())?,
            0x85..=0x87 => {
                let items = self.pop_count(usize::from(opcode - 0x84))?;
                self.tuple(items)?;
            }
            b't' => {
                let items = self.pop_marked()?;
                self.tuple(items)?;
            }
            b']' => self.stack.push(Value::List(Vec::new(), 1)),
            b'e' => self.append()?,
            b'}' => self.stack.push(Value::Dict(Vec::new(), 1)),
            b's' => {
                let items = self.pop_count(2)?;
                self.set_items(items)?;
            }
            b'u' => {
                let items = self.pop_marked()?;
                self.set_items(items)?;
            }
            b'c' => self.global()?,
            b'R' => self.reduce()?,
            b'b' => self.build()?,
            b'Q' => self.storage()?,
            b'q' => self.memo_put(1)?,
            b'r' => self.memo_put(4)?,
            b'h' => self.memo_get(1)?,
            b'j' => self.memo_get(4)?,
            other => return Err(PickleError::Opcode(other)),
        }
        Ok(None)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], PickleError> {
        let (head, tail) = self
            .input
            .split_at_checked(count)
            .ok_or(PickleError::Truncated)?;
        self.input = tail;
        Ok(head)
    }

    fn byte(&mut self) -> Result<u8, PickleError> {
        self.take(1).map(|bytes| bytes[0])
    }

    /// An unsigned little-endian number of at most 4 bytes.
    fn number(&mut self, bytes: usize) -> Result<u32, PickleError> {
        Ok(self
            .take(bytes)?
            .iter()
            .rev()
            .fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
    }

    fn line(&mut self) -> Result<&'a str, PickleError> {
        let end = self
            .input
            .iter()
            .position(|byte| *byte == b'\n')
            .ok_or(PickleError::Truncated)?;
        let line = self.take(end)?;
        self.take(1)?;
        std::str::from_utf8(line).map_err(|_| PickleError::Operand("a name is not UTF-8"))
    }

    fn pop(&mut self) -> Result<Value, PickleError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(PickleError::Operand("the stack is empty"));
        }
        self.stack
            .pop()
            .ok_or(PickleError::Operand("the stack is empty"))
    }

    fn pop_count(&mut self, count: usize) -> Result<Vec<Value>, PickleError> {
        let mut items = (0..count)
            .map(|_| self.pop())
            .collect::<Result<Vec<_>, _>>()?;
        items.reverse();
        Ok(items)
    }

    fn pop_marked(&mut self) -> Result<Vec<Value>, PickleError> {
        let mark = self
            .marks
            .pop()
            .ok_or(PickleError::Operand("no mark on the stack"))?;
        Ok(self.stack.split_off(mark))
    }

    fn protocol(&mut self) -> Result<(), PickleError> {
        match self.byte()? {
            2 => Ok(()),
            _ => Err(PickleError::Operand("only pickle protocol 2 is read")),
        }
    }

    fn integer(&mut self, bytes: usize) -> Result<(), PickleError> {
        let number = self.number(bytes)?;
        // Only the four-byte form is signed.
        let value = if bytes == 4 {
            i64::from(number as i32)
        } else {
            i64::from(number)
        };
        self.stack.push(Value::Int(value));
        Ok(())
    }

    fn long(&mut self) -> Result<(), PickleError> {
        let count = usize::from(self.byte()?);
        let bytes = self.take(count)?;
        let value = if count > 8 {
            Value::LongInt(bytes.to_vec())
        } else {
            let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
            let mut wide = [if negative { 0xff } else { 0 }; 8];
            wide[..count].copy_from_slice(bytes);
            Value::Int(i64::from_le_bytes(wide))
        };
        self.stack.push(value);
        Ok(())
    }

    fn string(&mut self) -> Result<(), PickleError> {
        let count = self.number(4)? as usize;
        let text = std::str::from_utf8(self.take(count)?)
            .map_err(|_| PickleError::Operand("a string is not UTF-8"))?;
        self.stack.push(Value::Str(text.into()));
        Ok(())
    }

    fn tuple(&mut self, items: Vec<Value>) -> Result<(), PickleError> {
        let depth = depth_around(&items)?;
        self.stack.push(Value::Tuple(items.into(), depth));
        Ok(())
    }

    fn append(&mut self) -> Result<(), PickleError> {
        let items = self.pop_marked()?;
        let depth_new = depth_around(&items)?;
        let Some(Value::List(list, depth)) = self.top() else {
            return Err(PickleError::Operand("APPENDS needs a list"));
        };
        *depth = (*depth).max(depth_new);
        list.extend(items);
        Ok(())
    }

    fn set_items(&mut self, items: Vec<Value>) -> Result<(), PickleError> {
        let depth_new = depth_around(&items)?;
        let Some(Value::Dict(dict, depth)) = self.top() else {
            return Err(PickleError::Operand("SETITEMS needs a dictionary"));
        };
        *depth = (*depth).max(depth_new);
        let mut items = items.into_iter();
        while let Some(key) = items.next() {
            let value = items
                .next()
                .ok_or(PickleError::Operand("a key has no value"))?;
            dict.push((key, value));
        }
        Ok(())
    }

    /// The value on top, unless it lies below a mark.
    fn top(&mut self) -> Option<&mut Value> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() > floor {
            self.stack.last_mut()
        } else {
            None
        }
    }

    fn global(&mut self) -> Result<(), PickleError> {
        let module = self.line()?;
        let global = Global::from_names(module, self.line()?)?;
        self.stack.push(Value::Global(global));
        Ok(())
    }

    fn reduce(&mut self) -> Result<(), PickleError> {
        let (arguments, callable) = (self.pop()?, self.pop()?);
        let value = match (callable, arguments) {
            (Value::Global(Global::OrderedDict), Value::Tuple(items, _)) if items.is_empty() => {
                Value::Dict(Vec::new(), 1)
            }
            (Value::Global(Global::RebuildTensor), Value::Tuple(items, _)) => {
                Value::Tensor(Rc::new(rebuild_tensor(&items)?))
            }
            _ => {
                return Err(PickleError::Operand(
                    "REDUCE of something that is not called",
                ));
            }
        };
        self.stack.push(value);
        Ok(())
    }

    /// Attributes of the state dictionary hold only versions of modules: dropped.
    fn build(&mut self) -> Result<(), PickleError> {
        self.pop()?;
        match self.top() {
            Some(Value::Dict(..)) => Ok(()),
            _ => Err(PickleError::Operand("BUILD needs a dictionary")),
        }
    }

    fn storage(&mut self) -> Result<(), PickleError> {
        const WRONG: PickleError = PickleError::Operand("a persistent id is no storage");
        let Value::Tuple(items, _) = self.pop()? else {
            return Err(WRONG);
        };
        let [
            kind,
            class,
            Value::Str(key),
            Value::Str(_),
            count,
            Value::None,
        ] = &*items
        else {
            return Err(WRONG);
        };
        let element = match class {
            Value::Global(Global::FloatStorage) => Element::F32,
            Value::Global(Global::LongStorage) => Element::I64,
            _ => return Err(WRONG),
        };
        if *kind != Value::Str("storage".into()) {
            return Err(WRONG);
        }
        let count = count.as_count().ok_or(WRONG)?;
        self.stack.push(Value::Storage(Rc::new(StorageRef {
            element,
            key: key.clone(),
            count,
        })));
        Ok(())
    }

    fn memo_put(&mut self, bytes: usize) -> Result<(), PickleError> {
        let slot = self.number(bytes)?;
        let value = match self.top() {
            Some(Value::List(..) | Value::Dict(..)) => None,
            Some(value) => Some(value.clone()),
            None => return Err(PickleError::Operand("the stack is empty")),
        };
        self.memo.insert(slot, value);
        Ok(())
    }

    fn memo_get(&mut self, bytes: usize) -> Result<(), PickleError> {
        let slot = self.number(bytes)?;
        let stored = self
            .memo
            .get(&slot)
            .ok_or(PickleError::Operand("an empty memo slot"))?;
        let value = stored
            .clone()
            .ok_or(PickleError::Operand("a shared list or dictionary"))?;
        self.stack.push(value);
        Ok(())
    }
}

/// Depth of a container of these items.
fn depth_around(items: &[Value]) -> Result<u8, PickleError> {
    let depth = 1 + items.iter().map(Value::depth).max().unwrap_or(0);
    if depth > DEPTH_MAX {
        Err(PickleError::Limit("16 nested values"))
    } else {
        Ok(depth)
    }
}

fn rebuild_tensor(items: &[Value]) -> Result<TensorRef, PickleError> {
    const WRONG: PickleError = PickleError::Operand("a tensor has unknown arguments");
    let [
        Value::Storage(storage),
        offset,
        Value::Tuple(shape, _),
        Value::Tuple(strides, _),
        ..,
    ] = items
    else {
        return Err(WRONG);
    };
    let counts = |values: &[Value]| {
        values
            .iter()
            .map(Value::as_count)
            .collect::<Option<Vec<usize>>>()
    };
    Ok(TensorRef {
        storage: storage.clone(),
        offset: offset.as_count().ok_or(WRONG)?,
        shape: counts(shape).ok_or(WRONG)?,
        strides: counts(strides).ok_or(WRONG)?,
    })
}

#[cfg(test)]
#[path = "pickle_tests.rs"]
mod tests;
