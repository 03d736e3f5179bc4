// operation_fetch: the program, and the next operation ahead of time, checked.
//
// The program is a memory of 32-bit words, four an operation (`hwsim.accelerator.operations` names the fields). The
// next operation is fetched while the one before works: four reads, two clocks to check, and it waits on
// operation_o.
// restart_i begins again with operation 0; take_i takes the operation, and the one after is fetched.
//
// bad_o says that the operation must not be run; code_o why: 1 no such kind, or fields that make no sense; 2 rows
// outside a memory; 3 behind the end of the program.
`default_nettype none

module operation_fetch #(
    parameter integer Lanes      = 16,
    parameter integer Width      = 128,
    parameter integer Operations = 256
) (
    input  wire                          clk_i,
    input  wire                          rst_ni,

    input  wire                          clear_i, // the program is forgotten, the next word written is its first
    input  wire                          write_i,
    input  wire [                  31:0] word_i,

    input  wire                          restart_i,
    input  wire                          take_i,
    output wire                          valid_o,
    output wire [                 127:0] operation_o,
    output reg  [$clog2(Operations)-1:0] number_o, // of the operation
    output reg                           bad_o,
    output reg  [                   3:0] code_o
);
  localparam integer Bits = $clog2(Operations);
  localparam integer RowsA = 8 * Width;
  localparam integer RowsS = 4 * Width;

  // ---- The program.
  reg [31:0] words_q[0:4*Operations-1];
  reg [Bits+2:0] length_q; // in words
  wire full = length_q[Bits+2];

  always @(posedge clk_i) begin
    if (!rst_ni || clear_i) length_q <= {(Bits + 3) {1'b0}};
    else if (write_i && !full) length_q <= length_q + 1'b1;
    if (write_i && !full) words_q[length_q[Bits+1:0]] <= word_i;
  end

  // ---- Fetch: clocks 0 to 3 send addresses, 2 to 5 bring words, 6 and 7 check, 8 waits.
  reg [3:0] clock_q;
  reg [31:0] read_q, behind_q;
  reg [127:0] operation_q;

  always @(posedge clk_i) begin
    if (!rst_ni || restart_i) begin
      clock_q  <= 4'd0;
      number_o <= {Bits{1'b0}};
    end else if (take_i) begin
      clock_q  <= 4'd0;
      number_o <= number_o + 1'b1;
    end else if (clock_q != 4'd8) begin
      clock_q <= clock_q + 4'd1;
    end
    read_q   <= words_q[{number_o, clock_q[1:0]}];
    behind_q <= read_q;
    if (clock_q >= 4'd2 && clock_q <= 4'd5) operation_q <= {behind_q, operation_q[127:32]};
  end

  assign valid_o = clock_q == 4'd8;
  assign operation_o = operation_q;

  // ---- Check.
  wire [3:0] kind = operation_q[3:0];
  wire from_a = operation_q[4];
  wire to_a = operation_q[5];
  wire to_s = operation_q[6];
  wire residual = operation_q[7];
  wire centre = operation_q[9];
  wire [3:0] top_bit = operation_q[15:12];
  wire [4:0] shift = operation_q[20:16];
  wire [11:0] scalar = operation_q[43:32];
  wire [11:0] source = operation_q[59:48];
  wire [11:0] destination = operation_q[75:64];
  wire [11:0] residual_row = operation_q[91:80];
  wire [15:0] immediate = operation_q[111:96];
  wire [11:0] count = operation_q[123:112];

  wire is_linear = kind == 4'd2;
  wire is_classify = kind == 4'd3;
  wire is_score = kind == 4'd4;
  wire is_centre = kind == 4'd5;
  wire is_inhibit = kind == 4'd6;
  wire is_norm = kind == 4'd7;
  wire is_send = kind == 4'd8;
  wire weights = is_linear || is_classify;

  // Rows of each kind: what is read as operands, as scalars, and what is written.
  wire every_key = is_inhibit || (is_centre && count == 12'd0);
  wire [13:0] counted = {2'b00, count};
  wire [13:0] operands = every_key ? Lanes[13:0] : counted;
  wire [13:0] scalars = is_send ? counted + {1'b0, count, 1'b0} : counted;
  wire [13:0] written = weights ? immediate[13:0]
      : is_score || (is_centre && count == 12'd0) ? Lanes[13:0] : counted;
  reg [13:0] operands_end_q, scalars_end_q, written_end_q, residual_end_q;

  always @(posedge clk_i) begin
    operands_end_q <= {2'b00, source} + operands;
    scalars_end_q  <= {2'b00, scalar} + scalars;
    written_end_q  <= {2'b00, destination} + written;
    residual_end_q <= {2'b00, residual_row} + written;
  end

  wire reads_a = from_a && (weights || is_norm) && operands_end_q > RowsA[13:0];
  wire reads_s = !from_a && (is_score || is_centre || is_inhibit || is_norm) && operands_end_q > RowsS[13:0];
  wire reads_scalars = (is_score || is_inhibit || is_send) && scalars_end_q > RowsA[13:0];
  wire writes_a = to_a && written_end_q > RowsA[13:0];
  wire writes_s = to_s && written_end_q > RowsS[13:0];
  wire reads_residual = residual && residual_end_q > RowsS[13:0];
  wire outside = reads_a || reads_s || reads_scalars || writes_a || writes_s || reads_residual;
  wire senseless = kind > 4'd8
      || (kind != 4'd0 && count == 12'd0 && !is_centre)
      || (weights && (immediate == 16'd0 || immediate[15:12] != 4'd0))
      || (weights && !from_a) || (!weights && !is_norm && from_a)
      || (residual && !is_linear)
      || (centre && (!is_centre || shift != 5'd0))
      || (kind != 4'd0 && !is_send && to_a == to_s)
      || (is_classify && (shift != 5'd0 || !to_a))
      || top_bit < 4'd7 || shift > 5'd23;

  always @(posedge clk_i) begin
    bad_o  <= {1'b0, length_q[Bits+2:2]} <= {2'b00, number_o} || senseless || outside;
    code_o <= {1'b0, length_q[Bits+2:2]} <= {2'b00, number_o} ? 4'd3 : senseless ? 4'd1 : 4'd2;
  end
endmodule

`default_nettype wire
