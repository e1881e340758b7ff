/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The error codes functions return: 0 is success, a negative value one of these.
 */
#pragma once

enum err {
	E_INVAL = -1, /* an argument or input that makes no sense */
	E_NOMEM = -2, /* no frame, or no room in a fixed table */
	E_RANGE = -3, /* an address, size or index outside what it must lie in */
	E_EXIST = -4, /* there already, or overlapping what is there */
	E_NOENT = -5, /* not there */
	E_UNSUPPORTED = -6, /* well-formed, but this machine or this build cannot */
	E_FAULT = -7, /* a guest address that does not translate */
};
