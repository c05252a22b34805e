from .errors import ArgusError as ArgusError
from .errors import InvalidArgument as InvalidArgument
from .errors import LakeBusy as LakeBusy
from .errors import LakeError as LakeError
from .errors import LakeNotFound as LakeNotFound
from .errors import LakeUnavailable as LakeUnavailable
from .errors import LakeVersionError as LakeVersionError
from .errors import MalformedPayload as MalformedPayload
from .errors import MissingExtra as MissingExtra
from .errors import NaiveTime as NaiveTime
from .errors import NotFound as NotFound
from .errors import PayloadError as PayloadError
from .errors import PayloadTooLarge as PayloadTooLarge
from .errors import SettingError as SettingError
from .errors import UnknownColumn as UnknownColumn
from .lake.lake import Lake as Lake
from .lake.of_files import open_files as open_files
from .lake.opening import open as open  # noqa: A004  al.open() is how one says it
from .measures.audit import audit_tokens as audit_tokens

__version__: str
