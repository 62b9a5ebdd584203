// A dataset as the tree that a staging mount begins with.
#pragma once

#include "core/dataset.h"
#include "core/result.h"
#include "core/staging_tree.h"

namespace betonfs {

// Adds every directory and file of the dataset to an empty tree.
// Errors: kUnsupported  it has no index region (made by FFCV), or a sample is not one file as it
//                       was copied in: other fields than `image` in jpg mode or `data`, and `label`
//         kCorrupt      as Dataset
Status LoadBaseTree(const Dataset& dataset, StagingTree& tree);

// The one field whose payload is the file; nullptr if the dataset is of another make.
const Field* FileField(const Schema& schema);

}  // namespace betonfs
