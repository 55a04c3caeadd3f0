//! `.modinfo`: what a module says of itself, `key=value` strings with a NUL after each (`include/linux/moduleparam.h`).

use object::elf::FileHeader64;
use object::read::elf::{FileHeader, SectionHeader};
use object::{Endianness, elf};

/// What a module says of itself, as far as loading it goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModInfo {
    /// Modules whose symbols it uses.
    pub depends: Vec<String>,
    /// `softdep=pre:`: to be loaded before it where there is such a module. May be an alias.
    pub soft_pre: Vec<String>,
    /// `softdep=post:`: to be loaded after it.
    pub soft_post: Vec<String>,
    /// Other names it goes by.
    pub aliases: Vec<String>,
    /// The kernel release it was built for.
    pub release: Option<String>,
}

impl ModInfo {
    /// Reads it from an x86-64 module.
    ///
    /// # Errors
    /// What is wrong with the file, in words.
    pub fn read(module: &[u8]) -> Result<Self, String> {
        let header = FileHeader64::<Endianness>::parse(module).map_err(|e| format!("not a 64-bit ELF file ({e})"))?;
        let endian = header.endian().map_err(|e| e.to_string())?;
        if header.e_machine(endian) != elf::EM_X86_64 {
            return Err(format!("built for ELF machine {}, not for x86-64", header.e_machine(endian).0));
        }
        let sections = header.sections(endian, module).map_err(|e| e.to_string())?;
        let (_, section) = sections.section_by_name(endian, b".modinfo").ok_or("it has no .modinfo section")?;
        Ok(Self::parse(section.data(endian, module).map_err(|e| e.to_string())?))
    }

    /// Reads the contents of the section.
    #[must_use]
    pub fn parse(section: &[u8]) -> Self {
        let mut info = Self::default();
        for field in section.split(|&b| b == 0) {
            let field = String::from_utf8_lossy(field);
            let Some((key, value)) = field.split_once('=') else { continue };
            match key {
                "depends" => info.depends.extend(value.split(',').filter(|v| !v.is_empty()).map(str::to_owned)),
                "softdep" => info.soft(value),
                "alias" => info.aliases.push(value.to_owned()),
                "vermagic" => info.release = value.split(' ').next().map(str::to_owned),
                _ => {}
            }
        }
        info
    }

    /// `pre: a b post: c`; either part may be missing or come twice.
    fn soft(&mut self, value: &str) {
        let mut list = None;
        for word in value.split_ascii_whitespace() {
            match word {
                "pre:" => list = Some(&mut self.soft_pre),
                "post:" => list = Some(&mut self.soft_post),
                name => {
                    if let Some(list) = list.as_mut() {
                        list.push(name.to_owned());
                    }
                }
            }
        }
    }
}
