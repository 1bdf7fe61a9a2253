//go:build !purego

#include "textflag.h"
#include "go_asm.h"

DATA marks<>+0(SB)/8, $0x3D3D3D3D3D3D3D3D  // =
DATA marks<>+8(SB)/8, $0x3D3D3D3D3D3D3D3D
DATA marks<>+16(SB)/8, $0x5C5C5C5C5C5C5C5C // backslash
DATA marks<>+24(SB)/8, $0x5C5C5C5C5C5C5C5C
DATA marks<>+32(SB)/8, $0x2222222222222222 // "
DATA marks<>+40(SB)/8, $0x2222222222222222
DATA marks<>+48(SB)/8, $0x2121212121212121 // one more than a blank
DATA marks<>+56(SB)/8, $0x2121212121212121
GLOBL marks<>(SB), RODATA|NOPTR, $64

// In what follows SI is where the value begins, R9 the end of the text, R8 the last place from where
// 16 bytes may be read, BX the key of the value and R10 the one that should come next, R12 its length, DI
// where the next span is stored.

// SEARCH goes on from R13 to the first byte that is one of those in X1 and X2.
#define SEARCH(again, found, a, b) \
again: \
	CMPQ     R13, R8; \
	JHI      done; \
	MOVOU    (R13), X0; \
	MOVO     a, X1; \
	MOVO     b, X2; \
	PCMPEQB  X0, X1; \
	PCMPEQB  X0, X2; \
	POR      X2, X1; \
	PMOVMSKB X1, DX; \
	TESTL    DX, DX; \
	JNE      found; \
	ADDQ     $16, R13; \
	JMP      again; \
found: \
	BSFL     DX, DX; \
	ADDQ     DX, R13; \
	CMPQ     R13, R9; \
	JCC      done

// KEY leaves where the key R10 does not stand at R13, as MayBeAt and IsAt do.
#define KEY(short) \
	MOVLQSX ExpectedKey_near(R10), DX; \
	ADDQ    R13, DX; \
	CMPQ    DX, R9; \
	JHI     done; \
	MOVQ    (R13), AX; \
	XORQ    ExpectedKey_first(R10), AX; \
	MOVLQSX ExpectedKey_lastAt(R10), DX; \
	MOVQ    (R13)(DX*1), DX; \
	XORQ    ExpectedKey_last(R10), DX; \
	ORQ     DX, AX; \
	TESTQ   AX, ExpectedKey_mask(R10); \
	JNE     done; \
	CMPQ    R12, $15; \
	JLE     short; \
	MOVQ    8(R13), AX; \
	XORQ    ExpectedKey_second(R10), AX; \
	MOVLQSX ExpectedKey_thirdAt(R10), DX; \
	MOVQ    (R13)(DX*1), DX; \
	XORQ    ExpectedKey_third(R10), DX; \
	ORQ     DX, AX; \
	JNE     done; \
short:

// STORE notes the value from SI to CX, behind which the key stands at R13.
#define STORE \
	SUBQ b+0(FP), SI; \
	MOVL SI, (DI); \
	SUBQ b+0(FP), CX; \
	MOVL CX, 4(DI); \
	ADDQ $8, DI; \
	LEAQ 1(R13)(R12*1), SI; \
	MOVQ R10, BX

#define BEGIN \
	MOVQ b+0(FP), SI; \
	MOVQ SI, R9; \
	ADDQ length+8(FP), R9; \
	LEAQ -1(R9), R8; \
	ORQ  $4095, R8; \
	SUBQ $15, R8; \
	ADDQ from+16(FP), SI; \
	MOVQ e+24(FP), BX; \
	MOVQ spans+32(FP), DI; \
	MOVQ most+40(FP), R11; \
	LEAQ (DI)(R11*8), R11

#define END \
	SUBQ spans+32(FP), DI; \
	SHRQ $3, DI; \
	MOVQ DI, ret+48(FP); \
	RET

// func passSpaced(b unsafe.Pointer, length, from int, e *ExpectedKey, spans unsafe.Pointer, most int) int
TEXT ·passSpaced(SB), NOSPLIT, $0-56
	BEGIN
	MOVOU marks<>+0(SB), X5
	MOVOU marks<>+16(SB), X6

value:
	CMPQ DI, R11
	JCC  done
	MOVQ SI, R13
	SEARCH(again, found, X5, X6)
	CMPB    (R13), $'='
	JNE     done
	MOVQ    ExpectedKey_next(BX), R10
	MOVLQSX ExpectedKey_n(R10), R12
	SUBQ    R12, R13
	LEAQ    -1(R13), CX
	CMPQ    CX, SI
	JCS     done
	CMPB    (CX), $' '
	JNE     done
	KEY(short)
	CMPQ    CX, SI
	JEQ     store
	CMPB    (SI), $' '
	JLS     done
	CMPB    -1(CX), $' '
	JLS     done

store:
	STORE
	JMP value

done:
	END

// func passQuoted(b unsafe.Pointer, length, from int, e *ExpectedKey, spans unsafe.Pointer, most int) int
TEXT ·passQuoted(SB), NOSPLIT, $0-56
	BEGIN
	MOVOU marks<>+16(SB), X6
	MOVOU marks<>+32(SB), X5
	MOVOU marks<>+48(SB), X4

value:
	CMPQ    DI, R11
	JCC     done
	CMPQ    SI, R9
	JCC     done
	MOVQ    ExpectedKey_next(BX), R10
	MOVLQSX ExpectedKey_n(R10), R12
	MOVQ    SI, R13
	CMPB    (SI), $'"'
	JEQ     quoted
	CMPB    (SI), $'='
	JEQ     done

search:
	CMPQ     R13, R8
	JHI      done
	MOVOU    (R13), X0
	MOVO     X4, X1
	PCMPGTB  X0, X1
	PMOVMSKB X1, DX
	TESTL    DX, DX
	JNE      ends
	ADDQ     $16, R13
	JMP      search

ends:
	BSFL DX, DX
	ADDQ DX, R13
	CMPQ R13, R9
	JCC  done
	CMPB (R13), $' '
	JNE  done
	CMPQ R13, SI
	JEQ  done
	MOVQ R13, CX
	INCQ R13
	KEY(plainShort)
	STORE
	JMP  value

quoted:
	INCQ R13
	SEARCH(again, found, X5, X6)
	CMPB (R13), $'"'
	JNE  done
	MOVQ R13, CX
	ADDQ $2, R13
	CMPQ R13, R9
	JCC  done
	CMPB 1(CX), $' '
	JNE  done
	KEY(short)
	INCQ SI
	STORE
	JMP  value

done:
	END

// func passParameters(b unsafe.Pointer, length, from int, e *ExpectedKey, to unsafe.Pointer, most int) int
//
// SI is where the space in front of the name stands, then where the value begins, CX whether that has a
// backslash, R14 how many there are.
TEXT ·passParameters(SB), NOSPLIT, $0-56
	BEGIN
	MOVQ  most+40(FP), R11
	XORL  R14, R14
	MOVOU marks<>+16(SB), X6
	MOVOU marks<>+32(SB), X5

name:
	CMPQ    R14, R11
	JCC     done
	CMPQ    SI, R9
	JCC     done
	CMPB    (SI), $' '
	JNE     done
	MOVQ    ExpectedKey_next(BX), R10
	MOVLQSX ExpectedKey_n(R10), R12
	LEAQ    1(SI), R13
	KEY(short)
	LEAQ    1(R13)(R12*1), R13
	CMPQ    R13, R9
	JCC     done
	CMPB    (R13), $'"'
	JNE     done
	INCQ    R13
	MOVQ    R13, SI
	XORL    CX, CX

	SEARCH(again, found, X5, X6)
	CMPB (R13), $'"'
	JEQ  ends
	MOVL $1, CX
	ADDQ $2, R13
	JMP  again

ends:
	LEAQ 1(R13), AX
	CMPQ AX, R9
	JCC  done
	SUBQ b+0(FP), SI
	MOVL SI, Parameter_From(DI)
	SUBQ b+0(FP), R13
	MOVL R13, Parameter_To(DI)
	MOVB CX, Parameter_Escaped(DI)
	ADDQ $Parameter__size, DI
	INCQ R14
	MOVQ AX, SI
	MOVQ R10, BX
	JMP  name

done:
	MOVQ R14, ret+48(FP)
	RET
