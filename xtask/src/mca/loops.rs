//! The hottest loops of a disassembled program.

/// One instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Instruction {
    address: u64,
    mnemonic: String,
    operands: String,
}

/// A loop that holds no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loop {
    /// Demangled name of the function.
    pub function: String,
    instructions: Vec<Instruction>,
}

impl Loop {
    /// How many of its instructions have a name that begins with one of these.
    pub fn count(&self, prefixes: &[&str]) -> usize {
        let named = |i: &&Instruction| prefixes.iter().any(|p| i.mnemonic.starts_with(p));
        self.instructions.iter().filter(named).count()
    }

    /// All its instructions.
    pub fn instructions(&self) -> usize {
        self.instructions.len()
    }

    /// As an assembler reads it; branches lead nowhere.
    pub fn assembly(&self) -> String {
        let line = |i: &Instruction| {
            let operands = match target(&i.operands) {
                Some(_) => {
                    let end = i.operands.rfind(',').map_or(0, |comma| comma + 1);
                    format!("{} .", &i.operands[..end])
                }
                None => i.operands.clone(),
            };
            format!("{} {operands}\n", i.mnemonic)
        };
        self.instructions.iter().map(line).collect()
    }
}

/// Where a branch leads: objdump writes `b.ne 401f30 <function+0x24>`.
fn target(operands: &str) -> Option<u64> {
    let before = operands
        .split(" <")
        .next()
        .filter(|b| b.len() < operands.len())?;
    u64::from_str_radix(before.rsplit(", ").next()?, 16).ok()
}

/// The innermost loops of all functions whose name contains all `parts`, in what
/// `objdump -d --no-show-raw-insn -C` prints.
pub fn innermost(disassembly: &str, parts: &[&str]) -> Vec<Loop> {
    let mut loops = Vec::new();
    let mut function: Option<Loop> = None;
    for line in disassembly.lines() {
        if let Some(name) = function_name(line) {
            loops.extend(function.take().iter().flat_map(loops_of));
            function = parts.iter().all(|part| name.contains(part)).then(|| Loop {
                function: name.to_owned(),
                instructions: Vec::new(),
            });
        } else if let Some(function) = &mut function {
            function.instructions.extend(instruction(line));
        }
    }
    loops.extend(function.iter().flat_map(loops_of));
    loops
}

/// The name in `0000000000401f0c <name>:`.
fn function_name(line: &str) -> Option<&str> {
    let (address, name) = line.strip_suffix(">:")?.split_once(" <")?;
    address
        .bytes()
        .all(|byte| byte.is_ascii_hexdigit())
        .then_some(name)
}

/// The instruction in `  401f0c:\tsdot\tv0.4s, v1.16b, v2.4b[0]\t// remark`.
fn instruction(line: &str) -> Option<Instruction> {
    let (address, rest) = line.trim_start().split_once(":\t")?;
    let code = rest.split("//").next()?.trim();
    let (mnemonic, operands) = code.split_once('\t').unwrap_or((code, ""));
    Some(Instruction {
        address: u64::from_str_radix(address, 16).ok()?,
        mnemonic: mnemonic.to_owned(),
        operands: operands.trim().to_owned(),
    })
}

fn loops_of(function: &Loop) -> Vec<Loop> {
    let all = &function.instructions;
    let mut spans = Vec::new();
    for (last, jump) in all.iter().enumerate() {
        let is_branch = jump.mnemonic.starts_with('b') && jump.mnemonic != "bl"
            || jump.mnemonic.starts_with("cb")
            || jump.mnemonic.starts_with("tb");
        let Some(target) = target(&jump.operands).filter(|_| is_branch) else {
            continue;
        };
        let first = all[..=last].iter().position(|i| i.address == target);
        spans.extend(first.map(|first| (first, last)));
    }
    let holds = |outer: &(usize, usize), inner: &(usize, usize)| {
        outer != inner && outer.0 <= inner.0 && inner.1 <= outer.1
    };
    spans
        .iter()
        .filter(|span| !spans.iter().any(|inner| holds(span, inner)))
        .map(|(first, last)| Loop {
            function: function.function.clone(),
            instructions: all[*first..=*last].to_vec(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISASSEMBLY: &str = "\n0000000000000010 <a::run>:\n\
          \x20 10:\tldr\tq0, [x0], #16\n\
          \x20 14:\tsdot\tv1.4s, v0.16b, v2.4b[1]\n\
          \x20 18:\tcbz\tx3, 24 <a::run+0x14>\n\
          \x20 1c:\tb.ne\t14 <a::run+0x4>  // b.any\n\
          \x20 20:\tb\t10 <a::run>\n\
          \x20 24:\tret\n\n0000000000000030 <other>:\n\
          \x20 30:\tsdot\tv1.4s, v0.16b, v2.4b[1]\n\
          \x20 34:\tb.ne\t30 <other>\n";

    #[test]
    fn only_innermost_loops_of_the_named_functions_are_found() {
        let loops = innermost(DISASSEMBLY, &["a::", "run"]);
        assert_eq!(loops.len(), 1);
        assert_eq!(loops[0].count(&["sdot"]), 1);
        assert_eq!(loops[0].instructions(), 3);
        assert_eq!(
            loops[0].assembly(),
            "sdot v1.4s, v0.16b, v2.4b[1]\ncbz x3, .\nb.ne  .\n"
        );
    }
}
