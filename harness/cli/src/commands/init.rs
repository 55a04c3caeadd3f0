//! `kernrig init`: the matrix that is compiled in, as a file for editing.

use std::fs::File;
use std::io::{self, Write};

use kernrig_kernels::manifest::SHIPPED;

use crate::args::InitArgs;
use crate::failure::Failure;
use crate::matrix::FILE;
use crate::stdout;

pub(crate) fn init(args: &InitArgs) -> Result<u8, Failure> {
    let path = args.dir.join(FILE);
    let shown = path.display();
    let mut file = File::create_new(&path).map_err(|e| {
        let failure = Failure::new(format!("cannot write {shown}: {e}"));
        if e.kind() == io::ErrorKind::AlreadyExists {
            return failure.next("it is yours now: edit it, or move it away and run `kernrig init` again");
        }
        failure
    })?;
    file.write_all(SHIPPED.as_bytes()).map_err(|e| {
        // Half a matrix would be taken for a whole one by the next run.
        std::fs::remove_file(&path).ok();
        Failure::new(format!("cannot write {shown}: {e}"))
    })?;
    stdout::line(format!("wrote {shown}: `kernrig kernels list` shows what is in it"));
    Ok(0)
}
