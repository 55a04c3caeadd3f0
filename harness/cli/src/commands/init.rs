//! `kernrig init`: the matrix and the known issues that are compiled in, as files for editing.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use kernrig_kernels::manifest::SHIPPED;

use crate::args::InitArgs;
use crate::failure::Failure;
use crate::known_issues;
use crate::matrix::FILE;
use crate::stdout;

pub(crate) fn init(args: &InitArgs) -> Result<u8, Failure> {
    let matrix = args.dir.join(FILE);
    let known = args.dir.join(known_issues::FILE);
    write(&matrix, SHIPPED)?;
    stdout::line(format!("wrote {}: `kernrig kernels list` shows what is in it", matrix.display()));
    if known.symlink_metadata().is_ok() {
        stdout::line(format!("left {} as it is", known.display()));
        return Ok(0);
    }
    write(&known, kernrig_known::SHIPPED)?;
    stdout::line(format!("wrote {}: `kernrig known list` shows what is in it", known.display()));
    Ok(0)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let shown = path.display();
    let mut file = File::create_new(path).map_err(|e| {
        let failure = Failure::new(format!("cannot write {shown}: {e}"));
        if e.kind() == io::ErrorKind::AlreadyExists {
            return failure.next("it is yours now: edit it, or move it away and run `kernrig init` again");
        }
        failure
    })?;
    file.write_all(text.as_bytes()).map_err(|e| {
        // Half a file would be taken for a whole one by the next run.
        std::fs::remove_file(path).ok();
        Failure::new(format!("cannot write {shown}: {e}"))
    })
}
