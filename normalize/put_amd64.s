//go:build !purego

#include "textflag.h"
#include "go_asm.h"

// Of a text that needs no escape all bytes are ASCII above 0x1F, but no quotes and backslashes.
DATA unsafeText<>+0(SB)/8, $0x1F1F1F1F1F1F1F1F
DATA unsafeText<>+8(SB)/8, $0x1F1F1F1F1F1F1F1F
DATA unsafeText<>+16(SB)/8, $0x2222222222222222
DATA unsafeText<>+24(SB)/8, $0x2222222222222222
DATA unsafeText<>+32(SB)/8, $0x5C5C5C5C5C5C5C5C
DATA unsafeText<>+40(SB)/8, $0x5C5C5C5C5C5C5C5C
GLOBL unsafeText<>(SB), RODATA|NOPTR, $48

// SAFE sets the bytes of X1 where those of X0 need no escape.
#define SAFE \
	MOVO    X0, X1; \
	MOVO    X0, X2; \
	PCMPEQB X6, X1; \
	PCMPEQB X7, X2; \
	POR     X2, X1; \
	PCMPGTB X5, X0; \
	PANDN   X0, X1

// WHOLE jumps to no where 16 bytes at R11 may not be read: the text ends before, and they lie
// on two pages.
#define WHOLE(yes, no) \
	MOVL R11, DX; \
	ANDL $4095, DX; \
	CMPL DX, $4080; \
	JLS  yes; \
	CMPQ R12, $16; \
	JCS  no; \
yes:

// COPYSAFE copies the text at R11, of R12 bytes, at least one, to 1(R13), in words of 16 bytes, and
// jumps to bad where it needs an escape.
#define COPYSAFE(yes, long, more, last, end, bad) \
	WHOLE(yes, bad) \
	MOVOU    (R11), X0; \
	MOVOU    X0, 1(R13); \
	SAFE; \
	CMPQ     R12, $16; \
	JHI      long; \
	PMOVMSKB X1, DX; \
	NOTL     DX; \
	BSFL     DX, DX; \
	CMPQ     DX, R12; \
	JCS      bad; \
	JMP      end; \
long: \
	MOVO     X1, X3; \
	LEAQ     -16(R12), R14; \
	MOVL     $16, DX; \
more: \
	CMPQ     DX, R14; \
	JCC      last; \
	MOVOU    (R11)(DX*1), X0; \
	MOVOU    X0, 1(R13)(DX*1); \
	SAFE; \
	PAND     X1, X3; \
	ADDQ     $16, DX; \
	JMP      more; \
last: \
	MOVOU    (R11)(R14*1), X0; \
	MOVOU    X0, 1(R13)(R14*1); \
	SAFE; \
	PAND     X1, X3; \
	PMOVMSKB X3, DX; \
	CMPL     DX, $0xFFFF; \
	JNE      bad; \
end:

// func putFields(to unsafe.Pointer, n, limit int, text, fields unsafe.Pointer, i, end int, values unsafe.Pointer) (int, int)
//
// DI is behind what is written, SI the text before the next value, BX the field, AX its value,
// R11 and R12 the value's text and length, CX the size of the text before it, R13 behind that.
TEXT ·putFields(SB), NOSPLIT, $56-80
	MOVQ  to+0(FP), DI
	MOVQ  DI, R8
	ADDQ  n+8(FP), DI
	ADDQ  limit+16(FP), R8
	MOVQ  text+24(FP), SI
	MOVQ  fields+32(FP), R9
	MOVQ  i+40(FP), BX
	SHLQ  $4, BX
	ADDQ  R9, BX
	MOVQ  end+48(FP), DX
	SHLQ  $4, DX
	ADDQ  DX, R9
	MOVQ  values+56(FP), R10
	MOVOU unsafeText<>+0(SB), X5
	MOVOU unsafeText<>+16(SB), X6
	MOVOU unsafeText<>+32(SB), X7

field:
	CMPQ    BX, R9
	JEQ     done
	MOVLQZX shapeField_at(BX), AX
	SHLQ    $5, AX
	ADDQ    R10, AX
	MOVLQZX shapeField_size(BX), CX
	LEAQ    (DI)(CX*1), R13
	CMPQ    R13, R8
	JHI     done
	MOVOU   (SI), X0
	MOVOU   X0, (DI)
	CMPQ    CX, $16
	JHI     longKey

value:
	MOVQ    const_valueText(AX), R11
	MOVQ    const_valueLen(AX), R12
	MOVBLZX const_valueKind(AX), DX
	CMPL    DX, $const_kindList
	JEQ     list
	CMPB    shapeField_array(BX), $0
	JNE     done
	CMPL    DX, $const_kindString
	JNE     noString
	TESTB   $(const_flagClean|const_flagEncoded), const_valueFlags(AX)
	JNE     known
	LEAQ    (R13)(R12*1), R14
	CMPQ    R14, R8
	JHI     done
	MOVB    $'"', (R13)
	TESTQ   R12, R12
	JEQ     close
	COPYSAFE(whole, long, more, last, close, done)
	MOVB    $'"', 1(R13)(R12*1)
	LEAQ    2(R13)(R12*1), DI

next:
	ADDQ CX, SI
	ADDQ $shapeField__size, BX
	JMP  field

longKey:
	MOVOU 16(SI), X0
	MOVOU X0, 16(DI)
	CMPQ  CX, $32
	JLS   value
	MOVL  $32, DX

longerKey:
	MOVOU (SI)(DX*1), X0
	MOVOU X0, (DI)(DX*1)
	ADDQ  $16, DX
	CMPQ  DX, CX
	JCS   longerKey
	JMP   value

known: // a text whose JSON is known
	TESTB $const_flagEncoded, const_valueFlags(AX)
	JEQ   clean
	ADDQ  R12, R11
	MOVQ  const_valueNum(AX), R12

clean:
	LEAQ  (R13)(R12*1), R14
	CMPQ  R14, R8
	JHI   done
	MOVB  $'"', (R13)
	TESTQ R12, R12
	JEQ   cleanEnd
	WHOLE(cleanWhole, done)
	MOVOU (R11), X0
	MOVOU X0, 1(R13)
	CMPQ  R12, $16
	JLS   cleanEnd
	LEAQ  -16(R12), R14
	MOVL  $16, DX

cleanMore:
	CMPQ  DX, R14
	JCC   cleanLast
	MOVOU (R11)(DX*1), X0
	MOVOU X0, 1(R13)(DX*1)
	ADDQ  $16, DX
	JMP   cleanMore

cleanLast:
	MOVOU (R11)(R14*1), X0
	MOVOU X0, 1(R13)(R14*1)

cleanEnd:
	MOVB $'"', 1(R13)(R12*1)
	LEAQ 2(R13)(R12*1), DI
	JMP  next

noString:
	CMPL  DX, $const_kindInt
	JEQ   int
	CMPL  DX, $const_kindIP
	JNE   done
	TESTQ R11, R11
	JNE   clean
	JMP   done

int:
	TESTQ R11, R11
	JEQ   number
	LEAQ  (R13)(R12*1), R14
	CMPQ  R14, R8
	JHI   done
	CMPQ  R12, $16
	JHI   done
	WHOLE(intWhole, done)
	MOVOU (R11), X0
	MOVOU X0, (R13)
	LEAQ  (R13)(R12*1), DI
	JMP   next

number: // digits from the last to the first, up to 20(SP)
	LEAQ  16(R13), R14
	CMPQ  R14, R8
	JHI   done
	MOVQ  const_valueNum(AX), AX
	TESTQ AX, AX
	JLT   done
	LEAQ  20(SP), R14
	MOVQ  $0xCCCCCCCCCCCCCCCD, R12

digit:
	MOVQ AX, R11
	MULQ R12
	SHRQ $3, DX                // a tenth
	LEAQ (DX)(DX*4), AX
	ADDQ AX, AX
	SUBQ AX, R11
	ADDL $'0', R11
	DECQ R14
	MOVB R11, (R14)
	MOVQ DX, AX
	TESTQ DX, DX
	JNE  digit
	MOVOU (R14), X0
	MOVOU X0, (R13)
	MOVL  16(R14), DX
	MOVL  DX, 16(R13)
	LEAQ  20(SP), R12
	SUBQ  R14, R12
	LEAQ  (R13)(R12*1), DI
	JMP   next

list:
	TESTQ R12, R12
	JEQ   done
	SHLQ  $5, R12
	ADDQ  R11, R12
	MOVQ  R12, end-8(SP)
	MOVQ  R11, AX
	MOVB  $'[', (R13)
	INCQ  R13

element:
	MOVQ    const_valueText(AX), R11
	MOVQ    const_valueLen(AX), R12
	MOVBLZX const_valueKind(AX), DX
	CMPL    DX, $const_kindString
	JEQ     elementText
	CMPL    DX, $const_kindIP
	JNE     done

elementText:
	TESTB $const_flagEncoded, const_valueFlags(AX)
	JNE   done
	LEAQ  (R13)(R12*1), R14
	CMPQ  R14, R8
	JHI   done
	MOVB  $'"', (R13)
	TESTQ R12, R12
	JEQ   elementEnd
	COPYSAFE(elementWhole, elementLong, elementMore, elementLast, elementEnd, done)
	MOVB  $'"', 1(R13)(R12*1)
	LEAQ  2(R13)(R12*1), R13
	ADDQ  $const_valueSize, AX
	CMPQ  AX, end-8(SP)
	JEQ   listEnd
	MOVB  $',', (R13)
	INCQ  R13
	JMP   element

listEnd:
	MOVB $']', (R13)
	LEAQ 1(R13), DI
	JMP  next

done:
	SUBQ to+0(FP), DI
	MOVQ DI, ret+64(FP)
	SUBQ fields+32(FP), BX
	SHRQ $4, BX
	MOVQ BX, ret1+72(FP)
	RET
