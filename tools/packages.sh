# shellcheck shell=bash
# The Debian 12 packages that betonfs needs, in one place: sourced by tools/quickstart, tools/test
# and .ci/run.

# To build and run the program.
# shellcheck disable=SC2034  # used by the scripts that source this file
BUILD_PACKAGES=(
  g++ cmake ninja-build pkg-config
  libfuse3-dev fuse3 libspdlog-dev libcli11-dev nlohmann-json3-dev libexpected-dev
  libxxhash-dev libjpeg62-turbo-dev libpng-dev libseccomp-dev
)

# To read back what tools/quickstart packs, with a loader people use.
# shellcheck disable=SC2034
QUICKSTART_PACKAGES=(python3 python3-pil python3-torchvision)

# To build the tests, and for the checks that are not programs of ours.
# shellcheck disable=SC2034
TEST_PACKAGES=(
  libgtest-dev libgmock-dev python3 python3-pytest python3-numpy
  clang-format clang-tidy shellcheck git
)

# The real clients of a mount that tests/loaders and tests/mount run.
# shellcheck disable=SC2034
CLIENT_PACKAGES=(
  python3-pil python3-opencv python3-skimage python3-torchvision
  ffmpeg imagemagick file rsync tar attr zip unzip vim sqlite3 procps psmisc xfsprogs
)

# install_missing PACKAGE...: installs with apt what is not installed yet; asks for root only then.
install_missing() {
  local package missing=()
  for package in "$@"; do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
      missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  local as_root=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null || {
      echo "missing packages: ${missing[*]}" >&2
      echo "install them as root (sudo is not here to do it)" >&2
      return 1
    }
    as_root=(sudo)
  fi
  echo "installing: ${missing[*]}"
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}
