// Lists of all samples in `.betonfs`, for loaders that skip the scan.
#pragma once

#include "fs/control_files.h"
#include "fs/tree.h"

namespace betonfs {

// Registers, for the one file that stands for each sample, in the order of the samples, with paths
// relative to the mountpoint:
//   files.txt       path
//   file_list.txt   path label                    DALI; only where there is a label field
//   metadata.jsonl  {"file_name": path, "label": 3, scalar and JSON fields by name}  Hugging Face
//   samples.tsv     sample, path, size, file, offset, payload_size, page, label; with a header line
//   classes.txt     class name <TAB> label, one line per class directory; where there are none, one
//                   per label. Only where there is a label field
// A path that cannot stand in a line (it holds a newline; in samples.tsv a tab too) is escaped as
// `ls -b` does.  The documents are made as they are read: see LineDocument for what they cost.  A
// sample too damaged to tell its line has none.
void AddManifests(ControlFiles& control, const Tree& tree);

}  // namespace betonfs
