// What an import decided its columns are, in the words of tests.
#pragma once

#include <string>
#include <vector>

#include "core/import_plan.h"

namespace betonfs::test {

// "name type" of each column.
inline std::vector<std::string> Columns(const ImportPlan& plan) {
  std::vector<std::string> columns;
  for (const ImportColumn& column : plan.columns) {
    columns.push_back(column.field.name + " " + FieldTypeName(column.field.type));
  }
  return columns;
}

}  // namespace betonfs::test
