//! The program `lookout`; all of it is in [`lookout::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    lookout::cli::main()
}
