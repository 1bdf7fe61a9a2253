//go:build !purego

#include "textflag.h"
#include "go_asm.h"

DATA blanks<>+0(SB)/8, $0x2020202020202020
DATA blanks<>+8(SB)/8, $0x2020202020202020
GLOBL blanks<>(SB), RODATA|NOPTR, $16

// func passPieces(b unsafe.Pointer, length int, at *Piece, i int, ends unsafe.Pointer, most int) (last *Piece, end, n int, odd uint64)
//
// SI is where the next piece has to stand, R9 the end of the message, R8 the last place from where 16
// bytes may be read, BX the piece before, DI where the next end is stored, X4 blanks.
TEXT ·passPieces(SB), NOSPLIT, $8-80
	MOVQ  b+0(FP), SI
	MOVQ  SI, R9
	ADDQ  length+8(FP), R9
	LEAQ  -1(R9), R8
	ORQ   $4095, R8
	SUBQ  $15, R8
	ADDQ  i+24(FP), SI
	MOVQ  at+16(FP), BX
	MOVQ  ends+32(FP), DI
	MOVQ  most+40(FP), DX
	LEAQ  (DI)(DX*4), DX
	MOVQ  DX, full-8(SP)
	MOVQ  $0, odd+72(FP)
	MOVOU blanks<>(SB), X4

piece:
	CMPQ DI, full-8(SP)
	JCC  done
	MOVQ Piece_Guess(BX), R10
	TESTQ R10, R10
	JEQ  done
	MOVQ Piece_text(R10), R11
	MOVQ (Piece_text+8)(R10), R12
	LEAQ (SI)(R12*1), R13
	CMPQ R13, R9
	JHI  done
	CMPQ R12, $16
	JCC  long
	CMPQ SI, R8
	JHI  done
	MOVOU    (R11), X0
	MOVOU    (SI), X1
	PCMPEQB  X1, X0
	PMOVMSKB X0, DX
	NOTL     DX
	BSFL     DX, DX
	CMPQ     DX, R12
	JCS      done

value:
	MOVQ  Piece_stops(R10), R11
	TESTQ R11, R11
	JEQ   done
	MOVOU (R11), X5
	MOVOU 16(R11), X6
	MOVOU 32(R11), X7

search:
	CMPQ     R13, R8
	JHI      done
	MOVOU    (R13), X0
	MOVO     X5, X1
	MOVO     X6, X2
	MOVO     X7, X3
	PCMPEQB  X0, X1
	PCMPEQB  X0, X2
	PCMPEQB  X0, X3
	POR      X1, X2
	POR      X3, X2
	PMOVMSKB X2, DX
	MOVO     X4, X2
	PCMPGTB  X0, X2
	PMOVMSKB X2, R12   // below a blank, or not ASCII
	TESTL    DX, DX
	JEQ      further
	LEAL     -1(DX), AX
	MOVL     DX, CX
	NOTL     CX
	ANDL     CX, AX    // what is before the stop
	ANDL     AX, R12
	BSFL     DX, DX
	ADDQ     DX, R13
	CMPQ     R13, R9
	JCC      done
	MOVB     (R13), AX
	CMPB     AX, (R11)
	JNE      done
	ORQ      R12, odd+72(FP)
	MOVQ     R13, SI
	SUBQ     b+0(FP), R13
	MOVL     R13, (DI)
	ADDQ     $4, DI
	MOVQ     R10, BX
	JMP      piece

further:
	ORQ  R12, odd+72(FP)
	ADDQ $16, R13
	JMP  search

long:
	LEAQ -16(R12), CX
	XORL DX, DX

compare:
	CMPQ     DX, CX
	JCC      rest
	MOVOU    (R11)(DX*1), X0
	MOVOU    (SI)(DX*1), X1
	PCMPEQB  X1, X0
	PMOVMSKB X0, AX
	CMPL     AX, $0xFFFF
	JNE      done
	ADDQ     $16, DX
	JMP      compare

rest:
	MOVOU    (R11)(CX*1), X0
	MOVOU    (SI)(CX*1), X1
	PCMPEQB  X1, X0
	PMOVMSKB X0, AX
	CMPL     AX, $0xFFFF
	JEQ      value

done:
	MOVQ BX, last+48(FP)
	SUBQ b+0(FP), SI
	MOVQ SI, end+56(FP)
	SUBQ ends+32(FP), DI
	SHRQ $2, DI
	MOVQ DI, n+64(FP)
	RET
