//! A btrfs made by hand, as no kernel makes one: one device, single profiles, seven trees of one leaf each.
//!
//! It keeps to what 2.6.32 reads: 4 KiB nodes, mixed back references and nothing younger. Logical addresses are
//! physical ones. On-disk format: linux/btrfs_tree.h.

use alloc::vec;
use alloc::vec::Vec;

use crate::test_api::Check;
use crate::tests::disk::Disk;

const NODE: u64 = 4096;
const MIB: u64 = 1 << 20;
const SUPER_AT: u64 = 64 * 1024;
const STRIPE: u64 = 64 * 1024;
const FSID: [u8; 16] = *b"kernrig-btrfs-fs";
const DEVICE: [u8; 16] = *b"kernrig-btrfs-dv";
const CHUNKS: [u8; 16] = *b"kernrig-btrfs-ct";
const GENERATION: u64 = 1;

/// Object IDs of the trees.
const ROOT: u64 = 1;
const EXTENT: u64 = 2;
const CHUNK: u64 = 3;
const DEV: u64 = 4;
const FS: u64 = 5;
const ROOT_DIR: u64 = 6;
const CSUM: u64 = 7;
const RELOC: u64 = -9i64 as u64;
const FIRST_FREE: u64 = 256;

/// Key types.
const INODE_ITEM: u8 = 1;
const INODE_REF: u8 = 12;
const DIR_ITEM: u8 = 84;
const ROOT_ITEM: u8 = 132;
const EXTENT_ITEM: u8 = 168;
const TREE_BLOCK_REF: u8 = 176;
const BLOCK_GROUP: u8 = 192;
const DEV_EXTENT: u8 = 204;
const DEV_ITEM: u8 = 216;
const CHUNK_ITEM: u8 = 228;

/// Block groups: start, length, flags (data 1, system 2, metadata 4).
const GROUPS: [(u64, u64, u64); 3] = [(MIB, 4 * MIB, 2), (8 * MIB, 64 * MIB, 4), (72 * MIB, 64 * MIB, 1)];
/// Trees and where their leaf lies: the chunk tree in the system group, the others in that of metadata.
const TREES: [(u64, u64); 7] = [
    (CHUNK, MIB),
    (ROOT, 8 * MIB),
    (EXTENT, 8 * MIB + NODE),
    (DEV, 8 * MIB + 2 * NODE),
    (FS, 8 * MIB + 3 * NODE),
    (CSUM, 8 * MIB + 4 * NODE),
    (RELOC, 8 * MIB + 5 * NODE),
];

/// Writes the file system; what it does not write must be zeroes.
pub(super) fn format(disk: &Disk, bytes: u64) -> Check {
    for (tree, at) in TREES {
        disk.write_at(&leaf(tree, at, items(tree, bytes)), at)?;
    }
    disk.write_at(&superblock(bytes), SUPER_AT)
}

fn place(tree: u64) -> u64 {
    TREES.iter().find(|(known, _)| *known == tree).map_or(0, |(_, at)| *at)
}

type Key = (u64, u8, u64);
type Item = (Key, Vec<u8>);

/// Little-endian fields after one another.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn u8(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }
    fn u16(mut self, value: u16) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }
    fn u32(mut self, value: u32) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }
    fn u64s(mut self, values: &[u64]) -> Self {
        self.0.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        self
    }
    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }
    fn key(self, (object, kind, offset): Key) -> Self {
        self.u64s(&[object]).u8(kind).u64s(&[offset])
    }
}

/// What is in each tree, in the order of keys.
fn items(tree: u64, bytes: u64) -> Vec<Item> {
    match tree {
        ROOT => root_items(),
        EXTENT => extent_items(),
        CHUNK => {
            let mut items = vec![((1, DEV_ITEM, 1), device(bytes))];
            items.extend(GROUPS.map(|(start, length, flags)| ((256, CHUNK_ITEM, start), chunk(start, length, flags))));
            items
        }
        DEV => GROUPS
            .map(|(start, length, _)| {
                ((1, DEV_EXTENT, start), Bytes::default().u64s(&[CHUNK, 256, start, length]).bytes(&CHUNKS).0)
            })
            .to_vec(),
        FS | RELOC => {
            vec![((FIRST_FREE, INODE_ITEM, 0), inode(0)), ((FIRST_FREE, INODE_REF, FIRST_FREE), inode_ref(b".."))]
        }
        _ => Vec::new(),
    }
}

/// A folder's `btrfs_inode_item`, 160 bytes.
fn inode(size: u64) -> Vec<u8> {
    let item = Bytes::default().u64s(&[GENERATION, 0, size, NODE, 0]).u32(1).u32(0).u32(0).u32(0o4_0755);
    item.bytes(&[0; 104]).0
}

fn inode_ref(name: &[u8]) -> Vec<u8> {
    Bytes::default().u64s(&[0]).u16(name.len() as u16).bytes(name).0
}

/// The roots of the other trees, and the folder whose entry `default` is the tree that is mounted.
fn root_items() -> Vec<Item> {
    const NAME: &[u8] = b"default";
    let root = |tree: u64| {
        let dir = if tree == FS || tree == RELOC { FIRST_FREE } else { 0 };
        let item = Bytes::default().bytes(&inode(3)).u64s(&[GENERATION, dir, place(tree), 0, NODE, 0, 0]).u32(1);
        let mut item = item.0;
        // Drop progress, level, and the second generation and what else 3.6 added: zeroes.
        item.resize(439, 0);
        ((tree, ROOT_ITEM, 0), item)
    };
    let entry = Bytes::default().key((FS, ROOT_ITEM, u64::MAX)).u64s(&[0]).u16(0).u16(NAME.len() as u16).u8(2);
    vec![
        root(EXTENT),
        root(DEV),
        ((FS, INODE_REF, ROOT_DIR), inode_ref(NAME)),
        root(FS),
        ((ROOT_DIR, INODE_ITEM, 0), inode(0)),
        ((ROOT_DIR, INODE_REF, ROOT_DIR), inode_ref(b"..")),
        ((ROOT_DIR, DIR_ITEM, u64::from(crc32c(!1, NAME))), entry.bytes(NAME).0),
        root(CSUM),
        root(RELOC),
    ]
}

/// The leaves of the trees, each with its owner, and the block groups.
fn extent_items() -> Vec<Item> {
    let mut items: Vec<Item> = TREES
        .map(|(tree, at)| {
            let item = Bytes::default().u64s(&[1, GENERATION, 2]).bytes(&[0; 18]).u8(TREE_BLOCK_REF).u64s(&[tree]);
            ((at, EXTENT_ITEM, NODE), item.0)
        })
        .to_vec();
    for (start, length, flags) in GROUPS {
        let inside = TREES.iter().filter(|(_, at)| (start..start + length).contains(at)).count() as u64;
        items.push(((start, BLOCK_GROUP, length), Bytes::default().u64s(&[inside * NODE, 256, flags]).0));
    }
    items.sort_by_key(|(key, _)| *key);
    items
}

/// `btrfs_dev_item`, 98 bytes.
fn device(bytes: u64) -> Vec<u8> {
    let used = GROUPS.iter().map(|(_, length, _)| length).sum();
    let item = Bytes::default().u64s(&[1, bytes, used]).u32(4096).u32(4096).u32(4096).u64s(&[0, 0, 0]).u32(0);
    item.u16(0).bytes(&DEVICE).bytes(&FSID).0
}

/// `btrfs_chunk` with its stripe, 80 bytes.
fn chunk(start: u64, length: u64, flags: u64) -> Vec<u8> {
    let item = Bytes::default().u64s(&[length, EXTENT, STRIPE, flags]).u32(4096).u32(4096).u32(4096);
    item.u16(1).u16(0).u64s(&[1, start]).bytes(&DEVICE).0
}

/// A leaf: header, items from the front, their data from the back.
fn leaf(tree: u64, at: u64, items: Vec<Item>) -> Vec<u8> {
    const HEADER: usize = 101;
    // Written, and back references of the mixed kind.
    const FLAGS: u64 = 1 | (1 << 56);
    let head = Bytes::default().bytes(&[0; 32]).bytes(&FSID).u64s(&[at, FLAGS]).bytes(&CHUNKS);
    let mut head = head.u64s(&[GENERATION, tree]).u32(items.len() as u32).u8(0);
    let mut block = vec![0; NODE as usize];
    let mut end = block.len();
    for (key, data) in items {
        end -= data.len();
        block[end..end + data.len()].copy_from_slice(&data);
        head = head.key(key).u32((end - HEADER) as u32).u32(data.len() as u32);
    }
    block[..head.0.len()].copy_from_slice(&head.0);
    seal(block)
}

fn superblock(bytes: u64) -> Vec<u8> {
    let used = TREES.len() as u64 * NODE;
    let (start, length, flags) = GROUPS[0];
    let system = Bytes::default().key((256, CHUNK_ITEM, start)).bytes(&chunk(start, length, flags)).0;
    let head = Bytes::default().bytes(&[0; 32]).bytes(&FSID).u64s(&[SUPER_AT, 1]).bytes(b"_BHRfS_M");
    let head = head.u64s(&[GENERATION, place(ROOT), place(CHUNK), 0, 0, bytes, used, ROOT_DIR, 1]);
    let head = head.u32(4096).u32(NODE as u32).u32(NODE as u32).u32(4096).u32(system.len() as u32);
    // Generation of the chunk tree, features (mixed back references), kind of checksum, levels.
    let head = head.u64s(&[GENERATION, 0, 0, 1]).u16(0).bytes(&[0; 3]).bytes(&device(bytes)).bytes(&[0; 256]);
    // No free space cache.
    let head = head.u64s(&[u64::MAX]).0;
    let mut block = vec![0; 4096];
    block[..head.len()].copy_from_slice(&head);
    block[0x32b..0x32b + system.len()].copy_from_slice(&system);
    seal(block)
}

/// Puts the checksum of all that follows it at the front.
fn seal(mut block: Vec<u8>) -> Vec<u8> {
    let sum = !crc32c(!0, &block[32..]);
    block[..4].copy_from_slice(&sum.to_le_bytes());
    block
}

/// CRC-32C (Castagnoli), reflected, without inversion at either end.
fn crc32c(seed: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(seed, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 })
    })
}
